#!/bin/sh
# A client made of curl and python3 alone, for `conform`: the prompt on standard input, the answer on standard output.
# With set -o pipefail it is as good as curl makes it; without, its status is that of the last command.
path=${CONFORM_PATH:-/api/chat} stream=${CONFORM_STREAM:-true} model=${CONFORM_MODEL:-llama3.2}
body=$(python3 -c '
import json, sys
path, stream, model = sys.argv[1:]
prompt = sys.stdin.read()
asked = {"prompt": prompt} if path == "/api/generate" else {"messages": [{"role": "user", "content": prompt}]}
print(json.dumps(dict(asked, model=model, stream=stream == "true")))
' "$path" "$stream" "$model")
curl -sSfN "$OLLAMA_HOST$path" -d "$body" >"${TMPDIR:-/tmp}/conform.$$"
status=$?
python3 -c '
import json, sys
for line in sys.stdin:
    part = json.loads(line)
    sys.stdout.write(part["message"]["content"] if "message" in part else part.get("response", ""))
' <"${TMPDIR:-/tmp}/conform.$$" || status=1
rm -f "${TMPDIR:-/tmp}/conform.$$"
exit $status
