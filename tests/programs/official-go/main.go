// The official Go client, for `conform`: the prompt on standard input, the answer on standard output.
//
//	go mod init official && go mod tidy && go build
package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/ollama/ollama/api"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	prompt, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	client, err := api.ClientFromEnvironment()
	if err != nil {
		return err
	}
	model, stream := os.Getenv("CONFORM_MODEL"), os.Getenv("CONFORM_STREAM") != "false"
	if os.Getenv("CONFORM_PATH") == "/api/generate" {
		request := &api.GenerateRequest{Model: model, Prompt: string(prompt), Stream: &stream}
		return client.Generate(context.Background(), request, func(part api.GenerateResponse) error {
			_, err := fmt.Print(part.Response)
			return err
		})
	}
	messages := []api.Message{{Role: "user", Content: string(prompt)}}
	request := &api.ChatRequest{Model: model, Messages: messages, Stream: &stream}
	return client.Chat(context.Background(), request, func(part api.ChatResponse) error {
		_, err := fmt.Print(part.Message.Content)
		return err
	})
}
