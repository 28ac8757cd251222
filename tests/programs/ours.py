"""This project's client, for `conform`: the prompt on standard input, the answer on standard output."""

import os
import sys

import ollama_stream

prompt, stream = sys.stdin.read(), os.environ.get("CONFORM_STREAM", "true") == "true"
fields = {"model": os.environ.get("CONFORM_MODEL", "llama3.2"), "stream": stream}
if os.environ.get("CONFORM_PATH") == "/api/generate":
    answer = ollama_stream.generate(prompt=prompt, **fields)
else:
    answer = ollama_stream.chat(messages=[{"role": "user", "content": prompt}], **fields)
sys.stdout.reconfigure(encoding="utf-8", errors="replace")
for part in answer if stream else [answer]:
    sys.stdout.write(part.text)
    sys.stdout.flush()
