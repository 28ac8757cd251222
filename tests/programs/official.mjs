// The official Node client, for `conform`: the prompt on standard input, the answer on standard output.
import { readFileSync } from "node:fs";
import { Ollama } from "ollama";

const prompt = readFileSync(0, "utf-8");
const model = process.env.CONFORM_MODEL ?? "llama3.2";
const stream = (process.env.CONFORM_STREAM ?? "true") === "true";
const client = new Ollama({ host: process.env.OLLAMA_HOST });
const generates = process.env.CONFORM_PATH === "/api/generate";
const answer = generates
  ? await client.generate({ model, prompt, stream })
  : await client.chat({ model, messages: [{ role: "user", content: prompt }], stream });
for await (const part of stream ? answer : [answer]) {
  process.stdout.write((generates ? part.response : part.message?.content) ?? "");
}
