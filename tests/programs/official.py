"""The official Python client, for `conform`: the prompt on standard input, the answer on standard output."""

import os
import sys

import ollama

prompt, stream = sys.stdin.read(), os.environ.get("CONFORM_STREAM", "true") == "true"
model = os.environ.get("CONFORM_MODEL", "llama3.2")
if os.environ.get("CONFORM_PATH") == "/api/generate":
    answer, text = ollama.generate(model=model, prompt=prompt, stream=stream), lambda part: part.response
else:
    messages = [{"role": "user", "content": prompt}]
    answer, text = ollama.chat(model=model, messages=messages, stream=stream), lambda part: part.message.content
sys.stdout.reconfigure(encoding="utf-8", errors="replace")
for part in answer if stream else [answer]:
    sys.stdout.write(text(part) or "")
    sys.stdout.flush()
