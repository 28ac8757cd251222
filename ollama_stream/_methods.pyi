# SPDX-License-Identifier: MIT
"""What ``_methods`` makes, for type checkers. Made by ``tests/make_stubs.py`` of the rows of ``_endpoints``."""

from abc import ABCMeta
from typing import Any, Callable, Coroutine, Generator, Mapping, Optional, Sequence, TypeVar, Union, overload

from typing_extensions import Literal, TypedDict

from ._client import Stream, Texts
from ._documents import (
    CloudStatusResponse, EmbedResponse, EmbeddingsResponse, ListResponse, ProcessResponse, ProgressResponse,
    ShowResponse, StatusResponse, UserResponse, VersionResponse, WebFetchResponse, WebSearchResponse,
)  # fmt: skip
from ._endpoints import Images, Messages, ModelOptions, Tools
from ._net import Timeout
from ._records import (
    ChatResponse, GenerateResponse, Path,
)  # fmt: skip
from .aio import AsyncStream, AsyncTexts
from .tools import ToolRun
from .tools.awaited import AsyncToolRun

T = TypeVar("T", covariant=True)

def add_methods(owner: Any, stream: Any, texts: Any, mark: Callable[[Any], Any]) -> None: ...
def make_function(method: Any, client: Callable[[], Any]) -> Any: ...
def as_coroutine_function(function: Any) -> Any: ...

class Answer(Coroutine[Any, Any, T], metaclass=ABCMeta):
    """A coroutine with its ``__await__`` written out: jedi finds no other way to what is awaited."""

    def __await__(self) -> Generator[Any, Any, T]: ...

class GenerationFields(TypedDict, total=False):
    think: Optional[Union[bool, str]]
    logprobs: Optional[bool]
    top_logprobs: Optional[int]
    format: Any
    options: Optional[ModelOptions]
    keep_alive: Optional[Union[float, str]]
    truncate: Optional[bool]
    shift: Optional[bool]
    _debug_render_only: Optional[bool]
    extra: Optional[Mapping[str, Any]]
    headers: Optional[Mapping[str, Optional[str]]]
    timeout: Union[Timeout, float, None]

class ChatFields(TypedDict, total=False):
    tools: Optional[Tools]
    think: Optional[Union[bool, str]]
    logprobs: Optional[bool]
    top_logprobs: Optional[int]
    format: Any
    options: Optional[ModelOptions]
    keep_alive: Optional[Union[float, str]]
    truncate: Optional[bool]
    shift: Optional[bool]
    _debug_render_only: Optional[bool]
    extra: Optional[Mapping[str, Any]]
    headers: Optional[Mapping[str, Optional[str]]]
    timeout: Union[Timeout, float, None]

class Methods:
    @overload
    def chat(
        self, model: str = "", messages: Union[str, Messages, None] = None, *, tools: Optional[Tools] = None,
        stream: Literal[False] = False, think: Optional[Union[bool, str]] = None, logprobs: Optional[bool] = None,
        top_logprobs: Optional[int] = None, format: Any = None, options: Optional[ModelOptions] = None,
        keep_alive: Optional[Union[float, str]] = None, truncate: Optional[bool] = None, shift: Optional[bool] = None,
        _debug_render_only: Optional[bool] = None, extra: Optional[Mapping[str, Any]] = None,
        headers: Optional[Mapping[str, Optional[str]]] = None, timeout: Union[Timeout, float, None] = None,
    ) -> ChatResponse:
        """The next message of a conversation. Without messages the model is only loaded (or unloaded, by keep_alive=0).

        POST /api/chat

        model: the name of a model, such as llama3.2
        messages: the conversation so far, or one prompt as text
        tools: what the model may call
        stream: hand out the answer piece by piece, as it comes (default: False)
        think: whether to think, or how hard, such as 'low'
        logprobs: the log probability of each token
        top_logprobs: 0 to 20 alternatives to each token
        format: json, a JSON Schema, or a Python type that becomes one
        options: options of the model, such as temperature
        keep_alive: seconds to keep the model in memory, or a duration such as '5m'; 0 unloads it, below 0 is for ever
        truncate: drop the oldest messages if too many
        shift: go on past the end of the context
        _debug_render_only: answer with the rendered prompt, in _debug_info
        extra: more members of the request; they win
        headers: more header fields; None leaves one out
        timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

        What is left out is not sent: the server decides.

        Returns: ChatResponse, or with stream=True a stream of them
        Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

        >>> import ollama_stream as ollama
        >>> ollama.chat('llama3.2', 'Say one word.').text
        'Hello'
        """
    @overload
    def chat(
        self, model: str = "", messages: Union[str, Messages, None] = None, *, tools: Optional[Tools] = None,
        stream: Literal[True], think: Optional[Union[bool, str]] = None, logprobs: Optional[bool] = None,
        top_logprobs: Optional[int] = None, format: Any = None, options: Optional[ModelOptions] = None,
        keep_alive: Optional[Union[float, str]] = None, truncate: Optional[bool] = None, shift: Optional[bool] = None,
        _debug_render_only: Optional[bool] = None, extra: Optional[Mapping[str, Any]] = None,
        headers: Optional[Mapping[str, Optional[str]]] = None, timeout: Union[Timeout, float, None] = None,
    ) -> Stream[ChatResponse]: ...
    @overload
    def chat(
        self, model: str = "", messages: Union[str, Messages, None] = None, *, tools: Optional[Tools] = None,
        stream: bool, think: Optional[Union[bool, str]] = None, logprobs: Optional[bool] = None,
        top_logprobs: Optional[int] = None, format: Any = None, options: Optional[ModelOptions] = None,
        keep_alive: Optional[Union[float, str]] = None, truncate: Optional[bool] = None, shift: Optional[bool] = None,
        _debug_render_only: Optional[bool] = None, extra: Optional[Mapping[str, Any]] = None,
        headers: Optional[Mapping[str, Optional[str]]] = None, timeout: Union[Timeout, float, None] = None,
    ) -> Union[ChatResponse, Stream[ChatResponse]]: ...
    @overload
    def generate(
        self, model: str = "", prompt: Optional[str] = None, suffix: Optional[str] = None, *,
        system: Optional[str] = None, template: Optional[str] = None, context: Optional[Sequence[int]] = None,
        stream: Literal[False] = False, think: Optional[Union[bool, str]] = None, logprobs: Optional[bool] = None,
        top_logprobs: Optional[int] = None, raw: Optional[bool] = None, format: Any = None,
        images: Optional[Images] = None, options: Optional[ModelOptions] = None,
        keep_alive: Optional[Union[float, str]] = None, width: Optional[int] = None, height: Optional[int] = None,
        steps: Optional[int] = None, truncate: Optional[bool] = None, shift: Optional[bool] = None,
        _debug_render_only: Optional[bool] = None, extra: Optional[Mapping[str, Any]] = None,
        headers: Optional[Mapping[str, Optional[str]]] = None, timeout: Union[Timeout, float, None] = None,
    ) -> GenerateResponse:
        """The text that follows a prompt.

        POST /api/generate

        model: the name of a model, such as llama3.2
        prompt: the text to go on from
        suffix: the text that follows the answer
        system: the system message, in place of the model's own
        template: the template, in place of the model's own
        context: tokens of an earlier answer; deprecated
        stream: hand out the answer piece by piece, as it comes (default: False)
        think: whether to think, or how hard, such as 'low'
        logprobs: the log probability of each token
        top_logprobs: 0 to 20 alternatives to each token
        raw: send the prompt as it is, without the template
        format: json, a JSON Schema, or a Python type that becomes one
        images: bytes, paths or base64
        options: options of the model, such as temperature
        keep_alive: seconds to keep the model in memory, or a duration such as '5m'; 0 unloads it, below 0 is for ever
        width: pixels (models that make images, until 0.32.5)
        height: pixels
        steps: steps of making the image
        truncate: drop the oldest messages if too many
        shift: go on past the end of the context
        _debug_render_only: answer with the rendered prompt, in _debug_info
        extra: more members of the request; they win
        headers: more header fields; None leaves one out
        timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

        What is left out is not sent: the server decides.

        Returns: GenerateResponse, or with stream=True a stream of them
        Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

        >>> import ollama_stream as ollama
        >>> ollama.generate('qwen3:0.6b', 'What is 17 * 23?').response
        '17 × 23 = **391**'
        """
    @overload
    def generate(
        self, model: str = "", prompt: Optional[str] = None, suffix: Optional[str] = None, *,
        system: Optional[str] = None, template: Optional[str] = None, context: Optional[Sequence[int]] = None,
        stream: Literal[True], think: Optional[Union[bool, str]] = None, logprobs: Optional[bool] = None,
        top_logprobs: Optional[int] = None, raw: Optional[bool] = None, format: Any = None,
        images: Optional[Images] = None, options: Optional[ModelOptions] = None,
        keep_alive: Optional[Union[float, str]] = None, width: Optional[int] = None, height: Optional[int] = None,
        steps: Optional[int] = None, truncate: Optional[bool] = None, shift: Optional[bool] = None,
        _debug_render_only: Optional[bool] = None, extra: Optional[Mapping[str, Any]] = None,
        headers: Optional[Mapping[str, Optional[str]]] = None, timeout: Union[Timeout, float, None] = None,
    ) -> Stream[GenerateResponse]: ...
    @overload
    def generate(
        self, model: str = "", prompt: Optional[str] = None, suffix: Optional[str] = None, *,
        system: Optional[str] = None, template: Optional[str] = None, context: Optional[Sequence[int]] = None,
        stream: bool, think: Optional[Union[bool, str]] = None, logprobs: Optional[bool] = None,
        top_logprobs: Optional[int] = None, raw: Optional[bool] = None, format: Any = None,
        images: Optional[Images] = None, options: Optional[ModelOptions] = None,
        keep_alive: Optional[Union[float, str]] = None, width: Optional[int] = None, height: Optional[int] = None,
        steps: Optional[int] = None, truncate: Optional[bool] = None, shift: Optional[bool] = None,
        _debug_render_only: Optional[bool] = None, extra: Optional[Mapping[str, Any]] = None,
        headers: Optional[Mapping[str, Optional[str]]] = None, timeout: Union[Timeout, float, None] = None,
    ) -> Union[GenerateResponse, Stream[GenerateResponse]]: ...
    def unload(
        self, model: str, *, extra: Optional[Mapping[str, Any]] = None,
        headers: Optional[Mapping[str, Optional[str]]] = None, timeout: Union[Timeout, float, None] = None,
    ) -> GenerateResponse:
        """Have the server take a model out of its memory: a generate call without a prompt and with keep_alive 0.

        POST /api/generate

        model: the name of a model, such as llama3.2
        extra: more members of the request; they win
        headers: more header fields; None leaves one out
        timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

        What is left out is not sent: the server decides.

        Returns: GenerateResponse
        Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

        >>> import ollama_stream as ollama
        >>> ollama.unload('llama3.2').done_reason
        'unload'
        """
    def embed(
        self, model: str = "", input: Union[str, Sequence[str]] = "", truncate: Optional[bool] = None,
        options: Optional[ModelOptions] = None, keep_alive: Optional[Union[float, str]] = None,
        dimensions: Optional[int] = None, *, extra: Optional[Mapping[str, Any]] = None,
        headers: Optional[Mapping[str, Optional[str]]] = None, timeout: Union[Timeout, float, None] = None,
    ) -> EmbedResponse:
        """A vector for each input, L2-normalised. Without an input the model is only loaded.

        POST /api/embed

        model: the name of a model, such as llama3.2
        input: a text, or several
        truncate: cut a text that is too long (True) or refuse it (False)
        options: options of the model, such as temperature
        keep_alive: seconds to keep the model in memory, or a duration such as '5m'; 0 unloads it, below 0 is for ever
        dimensions: numbers in a vector; the rest is cut off
        extra: more members of the request; they win
        headers: more header fields; None leaves one out
        timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

        What is left out is not sent: the server decides.

        Returns: EmbedResponse
        Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

        >>> import ollama_stream as ollama
        >>> len(ollama.embed('llama3.2', ['hello', 'goodbye']).embeddings)
        2
        """
    def embeddings(
        self, model: str = "", prompt: Optional[str] = None, options: Optional[ModelOptions] = None,
        keep_alive: Optional[Union[float, str]] = None, *, extra: Optional[Mapping[str, Any]] = None,
        headers: Optional[Mapping[str, Optional[str]]] = None, timeout: Union[Timeout, float, None] = None,
    ) -> EmbeddingsResponse:
        """One vector, not normalised. The older way; see embed().

        POST /api/embeddings

        model: the name of a model, such as llama3.2
        prompt: the text
        options: options of the model, such as temperature
        keep_alive: seconds to keep the model in memory, or a duration such as '5m'; 0 unloads it, below 0 is for ever
        extra: more members of the request; they win
        headers: more header fields; None leaves one out
        timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

        What is left out is not sent: the server decides.

        Returns: EmbeddingsResponse
        Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

        >>> import ollama_stream as ollama
        >>> ollama.embeddings('llama3.2', 'hello').embedding[0]
        -0.17851105332374573
        """
    @overload
    def pull(
        self, model: str, *, insecure: bool = False, stream: Literal[False] = False,
        extra: Optional[Mapping[str, Any]] = None, headers: Optional[Mapping[str, Optional[str]]] = None,
        timeout: Union[Timeout, float, None] = None,
    ) -> ProgressResponse:
        """Have the server download a model.

        Without a stream nothing comes before the end, so that there is no first_byte clock unless the call names one.

        POST /api/pull

        model: the name of a model, such as llama3.2
        insecure: a registry without TLS, or with a certificate of its own (default: False)
        stream: hand out the answer piece by piece, as it comes (default: False)
        extra: more members of the request; they win
        headers: more header fields; None leaves one out
        timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

        What is left out is not sent: the server decides.

        Returns: ProgressResponse, or with stream=True a stream of them
        Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

        >>> import ollama_stream as ollama
        >>> ollama.pull('smollm2:135m').status
        'success'
        """
    @overload
    def pull(
        self, model: str, *, insecure: bool = False, stream: Literal[True], extra: Optional[Mapping[str, Any]] = None,
        headers: Optional[Mapping[str, Optional[str]]] = None, timeout: Union[Timeout, float, None] = None,
    ) -> Stream[ProgressResponse]: ...
    @overload
    def pull(
        self, model: str, *, insecure: bool = False, stream: bool, extra: Optional[Mapping[str, Any]] = None,
        headers: Optional[Mapping[str, Optional[str]]] = None, timeout: Union[Timeout, float, None] = None,
    ) -> Union[ProgressResponse, Stream[ProgressResponse]]: ...
    @overload
    def push(
        self, model: str, *, insecure: bool = False, stream: Literal[False] = False,
        extra: Optional[Mapping[str, Any]] = None, headers: Optional[Mapping[str, Optional[str]]] = None,
        timeout: Union[Timeout, float, None] = None,
    ) -> ProgressResponse:
        """Have the server upload a model; the clocks are those of pull().

        POST /api/push

        model: the name of a model, such as llama3.2
        insecure: a registry without TLS, or with a certificate of its own (default: False)
        stream: hand out the answer piece by piece, as it comes (default: False)
        extra: more members of the request; they win
        headers: more header fields; None leaves one out
        timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

        What is left out is not sent: the server decides.

        Returns: ProgressResponse, or with stream=True a stream of them
        Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

        >>> import ollama_stream as ollama
        >>> ollama.push('me/mario').status
        'success'
        """
    @overload
    def push(
        self, model: str, *, insecure: bool = False, stream: Literal[True], extra: Optional[Mapping[str, Any]] = None,
        headers: Optional[Mapping[str, Optional[str]]] = None, timeout: Union[Timeout, float, None] = None,
    ) -> Stream[ProgressResponse]: ...
    @overload
    def push(
        self, model: str, *, insecure: bool = False, stream: bool, extra: Optional[Mapping[str, Any]] = None,
        headers: Optional[Mapping[str, Optional[str]]] = None, timeout: Union[Timeout, float, None] = None,
    ) -> Union[ProgressResponse, Stream[ProgressResponse]]: ...
    @overload
    def create(
        self, model: str, quantize: Optional[str] = None, from_: Optional[str] = None,
        files: Optional[Mapping[str, str]] = None, adapters: Optional[Mapping[str, str]] = None,
        template: Optional[str] = None, license: Union[str, Sequence[str], None] = None, system: Optional[str] = None,
        parameters: Optional[ModelOptions] = None, messages: Optional[Messages] = None, *,
        stream: Literal[False] = False, draft_files: Optional[Mapping[str, str]] = None,
        draft_quantize: Optional[str] = None, renderer: Optional[str] = None, parser: Optional[str] = None,
        requires: Optional[str] = None, remote_host: Optional[str] = None, info: Optional[Mapping[str, Any]] = None,
        extra: Optional[Mapping[str, Any]] = None, headers: Optional[Mapping[str, Optional[str]]] = None,
        timeout: Union[Timeout, float, None] = None,
    ) -> ProgressResponse:
        """Make a model, from another one or from files.

        POST /api/create

        model: the name of a model, such as llama3.2
        quantize: a form such as q4_K_M
        from_: the model to begin with, sent as "from"
        files: file names and their digests, of create_blob()
        adapters: the same for adapters
        template: the template of its prompts
        license: a text, or several
        system: its system message
        parameters: its options, such as temperature
        messages: the conversation that it begins with
        stream: hand out the answer piece by piece, as it comes (default: False)
        draft_files: files, as above, of a draft model
        draft_quantize: a form for the draft model
        renderer: the name of a built-in one
        parser: the name of a built-in one
        requires: the least version of the server
        remote_host: the server that runs it
        info: capabilities, context_length (tokens), ...
        extra: more members of the request; they win
        headers: more header fields; None leaves one out
        timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

        What is left out is not sent: the server decides.

        Returns: ProgressResponse, or with stream=True a stream of them
        Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

        >>> import ollama_stream as ollama
        >>> ollama.create('mario', from_='llama3.2', system='You are Mario.').status
        'success'
        """
    @overload
    def create(
        self, model: str, quantize: Optional[str] = None, from_: Optional[str] = None,
        files: Optional[Mapping[str, str]] = None, adapters: Optional[Mapping[str, str]] = None,
        template: Optional[str] = None, license: Union[str, Sequence[str], None] = None, system: Optional[str] = None,
        parameters: Optional[ModelOptions] = None, messages: Optional[Messages] = None, *, stream: Literal[True],
        draft_files: Optional[Mapping[str, str]] = None, draft_quantize: Optional[str] = None,
        renderer: Optional[str] = None, parser: Optional[str] = None, requires: Optional[str] = None,
        remote_host: Optional[str] = None, info: Optional[Mapping[str, Any]] = None,
        extra: Optional[Mapping[str, Any]] = None, headers: Optional[Mapping[str, Optional[str]]] = None,
        timeout: Union[Timeout, float, None] = None,
    ) -> Stream[ProgressResponse]: ...
    @overload
    def create(
        self, model: str, quantize: Optional[str] = None, from_: Optional[str] = None,
        files: Optional[Mapping[str, str]] = None, adapters: Optional[Mapping[str, str]] = None,
        template: Optional[str] = None, license: Union[str, Sequence[str], None] = None, system: Optional[str] = None,
        parameters: Optional[ModelOptions] = None, messages: Optional[Messages] = None, *, stream: bool,
        draft_files: Optional[Mapping[str, str]] = None, draft_quantize: Optional[str] = None,
        renderer: Optional[str] = None, parser: Optional[str] = None, requires: Optional[str] = None,
        remote_host: Optional[str] = None, info: Optional[Mapping[str, Any]] = None,
        extra: Optional[Mapping[str, Any]] = None, headers: Optional[Mapping[str, Optional[str]]] = None,
        timeout: Union[Timeout, float, None] = None,
    ) -> Union[ProgressResponse, Stream[ProgressResponse]]: ...
    def create_blob(
        self, path: Path, *, extra: Optional[Mapping[str, Any]] = None,
        headers: Optional[Mapping[str, Optional[str]]] = None, timeout: Union[Timeout, float, None] = None,
    ) -> str:
        """Give the server a file, for create(); returns "sha256:" and the digest.

        The file is read in pieces. It is not sent if the server has it.

        POST /api/blobs/{digest}

        path: the name of the file
        extra: more members of the request; they win
        headers: more header fields; None leaves one out
        timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

        What is left out is not sent: the server decides.

        Returns: str
        Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

        >>> import ollama_stream as ollama
        >>> ollama.create_blob('model.gguf')[:7]
        'sha256:'
        """
    def blob_exists(
        self, digest: str, *, extra: Optional[Mapping[str, Any]] = None,
        headers: Optional[Mapping[str, Optional[str]]] = None, timeout: Union[Timeout, float, None] = None,
    ) -> bool:
        """Whether the server has a file.

        HEAD /api/blobs/{digest}

        digest: 'sha256:' and 64 digits, as create_blob() returns it
        extra: more members of the request; they win
        headers: more header fields; None leaves one out
        timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

        What is left out is not sent: the server decides.

        Returns: bool
        Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

        >>> import ollama_stream as ollama
        >>> ollama.blob_exists('sha256:' + 64 * '0')
        False
        """
    def list(
        self, *, extra: Optional[Mapping[str, Any]] = None, headers: Optional[Mapping[str, Optional[str]]] = None,
        timeout: Union[Timeout, float, None] = None,
    ) -> ListResponse:
        """The installed models.

        GET /api/tags

        extra: more members of the request; they win
        headers: more header fields; None leaves one out
        timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

        What is left out is not sent: the server decides.

        Returns: ListResponse
        Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

        >>> import ollama_stream as ollama
        >>> [model.model for model in ollama.list().models]
        ['qwen3:0.6b', 'llama3.2:latest', 'llama2:latest']
        """
    def show(
        self, model: str, *, system: Optional[str] = None, options: Optional[ModelOptions] = None,
        verbose: Optional[bool] = None, extra: Optional[Mapping[str, Any]] = None,
        headers: Optional[Mapping[str, Optional[str]]] = None, timeout: Union[Timeout, float, None] = None,
    ) -> ShowResponse:
        """Everything about one model.

        POST /api/show

        model: the name of a model, such as llama3.2
        system: shown in place of the model's own
        options: options of the model, such as temperature
        verbose: the large arrays of model_info too
        extra: more members of the request; they win
        headers: more header fields; None leaves one out
        timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

        What is left out is not sent: the server decides.

        Returns: ShowResponse
        Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

        >>> import ollama_stream as ollama
        >>> ollama.show('qwen3:0.6b').capabilities
        ['completion', 'tools', 'thinking']
        """
    def ps(
        self, *, extra: Optional[Mapping[str, Any]] = None, headers: Optional[Mapping[str, Optional[str]]] = None,
        timeout: Union[Timeout, float, None] = None,
    ) -> ProcessResponse:
        """The models in memory.

        GET /api/ps

        extra: more members of the request; they win
        headers: more header fields; None leaves one out
        timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

        What is left out is not sent: the server decides.

        Returns: ProcessResponse
        Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

        >>> import ollama_stream as ollama
        >>> [(model.model, model.size_vram) for model in ollama.ps().models]
        [('llama3.2:latest', 98362432)]
        """
    def copy(
        self, source: str, destination: str, *, extra: Optional[Mapping[str, Any]] = None,
        headers: Optional[Mapping[str, Optional[str]]] = None, timeout: Union[Timeout, float, None] = None,
    ) -> StatusResponse:
        """Another name for a model.

        POST /api/copy

        source: the name of a model, such as llama3.2
        destination: the new name
        extra: more members of the request; they win
        headers: more header fields; None leaves one out
        timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

        What is left out is not sent: the server decides.

        Returns: StatusResponse
        Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

        >>> import ollama_stream as ollama
        >>> ollama.copy('llama3.2', 'mine').status
        'success'
        """
    def delete(
        self, model: str, *, extra: Optional[Mapping[str, Any]] = None,
        headers: Optional[Mapping[str, Optional[str]]] = None, timeout: Union[Timeout, float, None] = None,
    ) -> StatusResponse:
        """Remove a model.

        DELETE /api/delete

        model: the name of a model, such as llama3.2
        extra: more members of the request; they win
        headers: more header fields; None leaves one out
        timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

        What is left out is not sent: the server decides.

        Returns: StatusResponse
        Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

        >>> import ollama_stream as ollama
        >>> ollama.delete('mine').status
        'success'
        """
    def version(
        self, *, extra: Optional[Mapping[str, Any]] = None, headers: Optional[Mapping[str, Optional[str]]] = None,
        timeout: Union[Timeout, float, None] = None,
    ) -> VersionResponse:
        """The version of the server.

        GET /api/version

        extra: more members of the request; they win
        headers: more header fields; None leaves one out
        timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

        What is left out is not sent: the server decides.

        Returns: VersionResponse
        Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

        >>> import ollama_stream as ollama
        >>> ollama.version().version
        '0.32.15'
        """
    def ping(
        self, *, extra: Optional[Mapping[str, Any]] = None, headers: Optional[Mapping[str, Optional[str]]] = None,
        timeout: Union[Timeout, float, None] = None,
    ) -> bool:
        """Whether a server answers, and well, within 10 s unless the call names other clocks.

        False for every failure but a wrong argument; version() raises what was wrong.

        HEAD /

        extra: more members of the request; they win
        headers: more header fields; None leaves one out
        timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

        What is left out is not sent: the server decides.

        Returns: bool
        Raises: TypeError or RequestError for a wrong argument, before anything is sent

        >>> import ollama_stream as ollama
        >>> ollama.ping()
        True
        """
    def me(
        self, *, extra: Optional[Mapping[str, Any]] = None, headers: Optional[Mapping[str, Optional[str]]] = None,
        timeout: Union[Timeout, float, None] = None,
    ) -> UserResponse:
        """The ollama.com account of the server; ResponseError with ``signin_url`` if there is none.

        POST /api/me

        extra: more members of the request; they win
        headers: more header fields; None leaves one out
        timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

        What is left out is not sent: the server decides.

        Returns: UserResponse
        Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

        >>> import ollama_stream as ollama
        >>> ollama.me().name
        'jo'
        """
    def signout(
        self, *, extra: Optional[Mapping[str, Any]] = None, headers: Optional[Mapping[str, Optional[str]]] = None,
        timeout: Union[Timeout, float, None] = None,
    ) -> StatusResponse:
        """Sign the server out of ollama.com.

        POST /api/signout

        extra: more members of the request; they win
        headers: more header fields; None leaves one out
        timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

        What is left out is not sent: the server decides.

        Returns: StatusResponse
        Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

        >>> import ollama_stream as ollama
        >>> ollama.signout().status
        'success'
        """
    def cloud_status(
        self, *, extra: Optional[Mapping[str, Any]] = None, headers: Optional[Mapping[str, Optional[str]]] = None,
        timeout: Union[Timeout, float, None] = None,
    ) -> CloudStatusResponse:
        """Whether the server may use ollama.com.

        GET /api/status

        extra: more members of the request; they win
        headers: more header fields; None leaves one out
        timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

        What is left out is not sent: the server decides.

        Returns: CloudStatusResponse
        Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

        >>> import ollama_stream as ollama
        >>> ollama.cloud_status().cloud.disabled
        True
        """
    def web_search(
        self, query: str, max_results: int = 3, *, extra: Optional[Mapping[str, Any]] = None,
        headers: Optional[Mapping[str, Optional[str]]] = None, timeout: Union[Timeout, float, None] = None,
    ) -> WebSearchResponse:
        """Search the web at ollama.com. Without OLLAMA_API_KEY or a Bearer token in ``Authorization``: RequestError.

        POST https://ollama.com/api/web_search

        query: what to look for
        max_results: how many results at most (default: 3)
        extra: more members of the request; they win
        headers: more header fields; None leaves one out
        timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

        What is left out is not sent: the server decides.

        Returns: WebSearchResponse
        Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

        >>> import ollama_stream as ollama
        >>> ollama.web_search('llamas').results[0].title
        'Llama'
        """
    def web_fetch(
        self, url: str, *, extra: Optional[Mapping[str, Any]] = None,
        headers: Optional[Mapping[str, Optional[str]]] = None, timeout: Union[Timeout, float, None] = None,
    ) -> WebFetchResponse:
        """Fetch a page as text, by ollama.com; the key as for web_search().

        POST https://ollama.com/api/web_fetch

        url: the address of the page
        extra: more members of the request; they win
        headers: more header fields; None leaves one out
        timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

        What is left out is not sent: the server decides.

        Returns: WebFetchResponse
        Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

        >>> import ollama_stream as ollama
        >>> ollama.web_fetch('https://example.com').title
        'Example Domain'
        """
    def request(
        self, method: str, path: str, json: Any = None, *, body: Any = None, stream: bool = False,
        headers: Optional[Mapping[str, Optional[str]]] = None, timeout: Union[Timeout, float, None] = None,
    ) -> Any:
        """Any endpoint: the JSON value of the answer, or with stream=True a stream of dicts.

        A path that the library knows keeps its rule for a whole answer.

        method: such as POST
        path: an absolute path, such as /api/chat, percent-encoded
        json: the value that is the body, sent as it is
        body: bytes or a text that is the body instead
        stream: hand out the answer piece by piece, as it comes (default: False)
        headers: more header fields; None leaves one out
        timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

        What is left out is not sent: the server decides.

        Returns: Any, or with stream=True a stream of them
        Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

        >>> import ollama_stream as ollama
        >>> ollama.request('GET', '/api/version')
        {'version': '0.32.15'}
        """
    def stream_chat(
        self, model: str, messages: Union[str, Messages], *, tools: Optional[Tools] = None,
        think: Optional[Union[bool, str]] = None, logprobs: Optional[bool] = None, top_logprobs: Optional[int] = None,
        format: Any = None, options: Optional[ModelOptions] = None, keep_alive: Optional[Union[float, str]] = None,
        truncate: Optional[bool] = None, shift: Optional[bool] = None, _debug_render_only: Optional[bool] = None,
        extra: Optional[Mapping[str, Any]] = None, headers: Optional[Mapping[str, Optional[str]]] = None,
        timeout: Union[Timeout, float, None] = None,
    ) -> Texts:
        """The text of a chat answer, piece by piece, none empty.

        POST /api/chat

        model: the name of a model, such as llama3.2
        messages: the conversation so far, or one prompt as text
        tools: what the model may call
        think: whether to think, or how hard, such as 'low'
        logprobs: the log probability of each token
        top_logprobs: 0 to 20 alternatives to each token
        format: json, a JSON Schema, or a Python type that becomes one
        options: options of the model, such as temperature
        keep_alive: seconds to keep the model in memory, or a duration such as '5m'; 0 unloads it, below 0 is for ever
        truncate: drop the oldest messages if too many
        shift: go on past the end of the context
        _debug_render_only: answer with the rendered prompt, in _debug_info
        extra: more members of the request; they win
        headers: more header fields; None leaves one out
        timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

        What is left out is not sent: the server decides.

        Returns: Texts
        Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

        >>> import ollama_stream as ollama
        >>> ''.join(ollama.stream_chat('llama3.2', 'Say one word.'))
        'Hello'
        """
    def run_tools(
        self, model: str, messages: Union[str, Messages], tools: Tools, *, max_rounds: int = 10,
        think: Optional[Union[bool, str]] = None, logprobs: Optional[bool] = None, top_logprobs: Optional[int] = None,
        format: Any = None, options: Optional[ModelOptions] = None, keep_alive: Optional[Union[float, str]] = None,
        truncate: Optional[bool] = None, shift: Optional[bool] = None, _debug_render_only: Optional[bool] = None,
        extra: Optional[Mapping[str, Any]] = None, headers: Optional[Mapping[str, Optional[str]]] = None,
        timeout: Union[Timeout, float, None] = None,
    ) -> ToolRun:
        """A chat in which the functions that the model asks for are called; see ``tools.run_tools``.

        POST /api/chat

        model: the name of a model, such as llama3.2
        messages: the conversation so far, or one prompt as text
        tools: what the model may call
        max_rounds: how many answers there may be before one asks for no tool (default: 10)
        think: whether to think, or how hard, such as 'low'
        logprobs: the log probability of each token
        top_logprobs: 0 to 20 alternatives to each token
        format: json, a JSON Schema, or a Python type that becomes one
        options: options of the model, such as temperature
        keep_alive: seconds to keep the model in memory, or a duration such as '5m'; 0 unloads it, below 0 is for ever
        truncate: drop the oldest messages if too many
        shift: go on past the end of the context
        _debug_render_only: answer with the rendered prompt, in _debug_info
        extra: more members of the request; they win
        headers: more header fields; None leaves one out
        timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

        What is left out is not sent: the server decides.

        Returns: ToolRun
        Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

        >>> import ollama_stream as ollama
        >>> def get_weather(city: str) -> str: return 'sunny'
        >>> ollama.Client().run_tools('qwen3:0.6b', 'Weather in Paris?', [get_weather]).result().done_reason
        'stop'
        """

class AsyncMethods:
    @overload
    def chat(
        self, model: str = "", messages: Union[str, Messages, None] = None, *, tools: Optional[Tools] = None,
        stream: Literal[False] = False, think: Optional[Union[bool, str]] = None, logprobs: Optional[bool] = None,
        top_logprobs: Optional[int] = None, format: Any = None, options: Optional[ModelOptions] = None,
        keep_alive: Optional[Union[float, str]] = None, truncate: Optional[bool] = None, shift: Optional[bool] = None,
        _debug_render_only: Optional[bool] = None, extra: Optional[Mapping[str, Any]] = None,
        headers: Optional[Mapping[str, Optional[str]]] = None, timeout: Union[Timeout, float, None] = None,
    ) -> Answer[ChatResponse]:
        """The next message of a conversation. Without messages the model is only loaded (or unloaded, by keep_alive=0).

        POST /api/chat

        model: the name of a model, such as llama3.2
        messages: the conversation so far, or one prompt as text
        tools: what the model may call
        stream: hand out the answer piece by piece, as it comes (default: False)
        think: whether to think, or how hard, such as 'low'
        logprobs: the log probability of each token
        top_logprobs: 0 to 20 alternatives to each token
        format: json, a JSON Schema, or a Python type that becomes one
        options: options of the model, such as temperature
        keep_alive: seconds to keep the model in memory, or a duration such as '5m'; 0 unloads it, below 0 is for ever
        truncate: drop the oldest messages if too many
        shift: go on past the end of the context
        _debug_render_only: answer with the rendered prompt, in _debug_info
        extra: more members of the request; they win
        headers: more header fields; None leaves one out
        timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

        What is left out is not sent: the server decides.

        Returns: ChatResponse, or with stream=True a stream of them
        Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

        >>> import ollama_stream as ollama
        >>> ollama.chat('llama3.2', 'Say one word.').text
        'Hello'
        """
    @overload
    def chat(
        self, model: str = "", messages: Union[str, Messages, None] = None, *, tools: Optional[Tools] = None,
        stream: Literal[True], think: Optional[Union[bool, str]] = None, logprobs: Optional[bool] = None,
        top_logprobs: Optional[int] = None, format: Any = None, options: Optional[ModelOptions] = None,
        keep_alive: Optional[Union[float, str]] = None, truncate: Optional[bool] = None, shift: Optional[bool] = None,
        _debug_render_only: Optional[bool] = None, extra: Optional[Mapping[str, Any]] = None,
        headers: Optional[Mapping[str, Optional[str]]] = None, timeout: Union[Timeout, float, None] = None,
    ) -> AsyncStream[ChatResponse]: ...
    @overload
    def chat(
        self, model: str = "", messages: Union[str, Messages, None] = None, *, tools: Optional[Tools] = None,
        stream: bool, think: Optional[Union[bool, str]] = None, logprobs: Optional[bool] = None,
        top_logprobs: Optional[int] = None, format: Any = None, options: Optional[ModelOptions] = None,
        keep_alive: Optional[Union[float, str]] = None, truncate: Optional[bool] = None, shift: Optional[bool] = None,
        _debug_render_only: Optional[bool] = None, extra: Optional[Mapping[str, Any]] = None,
        headers: Optional[Mapping[str, Optional[str]]] = None, timeout: Union[Timeout, float, None] = None,
    ) -> Union[Answer[ChatResponse], AsyncStream[ChatResponse]]: ...
    @overload
    def generate(
        self, model: str = "", prompt: Optional[str] = None, suffix: Optional[str] = None, *,
        system: Optional[str] = None, template: Optional[str] = None, context: Optional[Sequence[int]] = None,
        stream: Literal[False] = False, think: Optional[Union[bool, str]] = None, logprobs: Optional[bool] = None,
        top_logprobs: Optional[int] = None, raw: Optional[bool] = None, format: Any = None,
        images: Optional[Images] = None, options: Optional[ModelOptions] = None,
        keep_alive: Optional[Union[float, str]] = None, width: Optional[int] = None, height: Optional[int] = None,
        steps: Optional[int] = None, truncate: Optional[bool] = None, shift: Optional[bool] = None,
        _debug_render_only: Optional[bool] = None, extra: Optional[Mapping[str, Any]] = None,
        headers: Optional[Mapping[str, Optional[str]]] = None, timeout: Union[Timeout, float, None] = None,
    ) -> Answer[GenerateResponse]:
        """The text that follows a prompt.

        POST /api/generate

        model: the name of a model, such as llama3.2
        prompt: the text to go on from
        suffix: the text that follows the answer
        system: the system message, in place of the model's own
        template: the template, in place of the model's own
        context: tokens of an earlier answer; deprecated
        stream: hand out the answer piece by piece, as it comes (default: False)
        think: whether to think, or how hard, such as 'low'
        logprobs: the log probability of each token
        top_logprobs: 0 to 20 alternatives to each token
        raw: send the prompt as it is, without the template
        format: json, a JSON Schema, or a Python type that becomes one
        images: bytes, paths or base64
        options: options of the model, such as temperature
        keep_alive: seconds to keep the model in memory, or a duration such as '5m'; 0 unloads it, below 0 is for ever
        width: pixels (models that make images, until 0.32.5)
        height: pixels
        steps: steps of making the image
        truncate: drop the oldest messages if too many
        shift: go on past the end of the context
        _debug_render_only: answer with the rendered prompt, in _debug_info
        extra: more members of the request; they win
        headers: more header fields; None leaves one out
        timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

        What is left out is not sent: the server decides.

        Returns: GenerateResponse, or with stream=True a stream of them
        Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

        >>> import ollama_stream as ollama
        >>> ollama.generate('qwen3:0.6b', 'What is 17 * 23?').response
        '17 × 23 = **391**'
        """
    @overload
    def generate(
        self, model: str = "", prompt: Optional[str] = None, suffix: Optional[str] = None, *,
        system: Optional[str] = None, template: Optional[str] = None, context: Optional[Sequence[int]] = None,
        stream: Literal[True], think: Optional[Union[bool, str]] = None, logprobs: Optional[bool] = None,
        top_logprobs: Optional[int] = None, raw: Optional[bool] = None, format: Any = None,
        images: Optional[Images] = None, options: Optional[ModelOptions] = None,
        keep_alive: Optional[Union[float, str]] = None, width: Optional[int] = None, height: Optional[int] = None,
        steps: Optional[int] = None, truncate: Optional[bool] = None, shift: Optional[bool] = None,
        _debug_render_only: Optional[bool] = None, extra: Optional[Mapping[str, Any]] = None,
        headers: Optional[Mapping[str, Optional[str]]] = None, timeout: Union[Timeout, float, None] = None,
    ) -> AsyncStream[GenerateResponse]: ...
    @overload
    def generate(
        self, model: str = "", prompt: Optional[str] = None, suffix: Optional[str] = None, *,
        system: Optional[str] = None, template: Optional[str] = None, context: Optional[Sequence[int]] = None,
        stream: bool, think: Optional[Union[bool, str]] = None, logprobs: Optional[bool] = None,
        top_logprobs: Optional[int] = None, raw: Optional[bool] = None, format: Any = None,
        images: Optional[Images] = None, options: Optional[ModelOptions] = None,
        keep_alive: Optional[Union[float, str]] = None, width: Optional[int] = None, height: Optional[int] = None,
        steps: Optional[int] = None, truncate: Optional[bool] = None, shift: Optional[bool] = None,
        _debug_render_only: Optional[bool] = None, extra: Optional[Mapping[str, Any]] = None,
        headers: Optional[Mapping[str, Optional[str]]] = None, timeout: Union[Timeout, float, None] = None,
    ) -> Union[Answer[GenerateResponse], AsyncStream[GenerateResponse]]: ...
    async def unload(
        self, model: str, *, extra: Optional[Mapping[str, Any]] = None,
        headers: Optional[Mapping[str, Optional[str]]] = None, timeout: Union[Timeout, float, None] = None,
    ) -> GenerateResponse:
        """Have the server take a model out of its memory: a generate call without a prompt and with keep_alive 0.

        POST /api/generate

        model: the name of a model, such as llama3.2
        extra: more members of the request; they win
        headers: more header fields; None leaves one out
        timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

        What is left out is not sent: the server decides.

        Returns: GenerateResponse
        Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

        >>> import ollama_stream as ollama
        >>> ollama.unload('llama3.2').done_reason
        'unload'
        """
    async def embed(
        self, model: str = "", input: Union[str, Sequence[str]] = "", truncate: Optional[bool] = None,
        options: Optional[ModelOptions] = None, keep_alive: Optional[Union[float, str]] = None,
        dimensions: Optional[int] = None, *, extra: Optional[Mapping[str, Any]] = None,
        headers: Optional[Mapping[str, Optional[str]]] = None, timeout: Union[Timeout, float, None] = None,
    ) -> EmbedResponse:
        """A vector for each input, L2-normalised. Without an input the model is only loaded.

        POST /api/embed

        model: the name of a model, such as llama3.2
        input: a text, or several
        truncate: cut a text that is too long (True) or refuse it (False)
        options: options of the model, such as temperature
        keep_alive: seconds to keep the model in memory, or a duration such as '5m'; 0 unloads it, below 0 is for ever
        dimensions: numbers in a vector; the rest is cut off
        extra: more members of the request; they win
        headers: more header fields; None leaves one out
        timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

        What is left out is not sent: the server decides.

        Returns: EmbedResponse
        Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

        >>> import ollama_stream as ollama
        >>> len(ollama.embed('llama3.2', ['hello', 'goodbye']).embeddings)
        2
        """
    async def embeddings(
        self, model: str = "", prompt: Optional[str] = None, options: Optional[ModelOptions] = None,
        keep_alive: Optional[Union[float, str]] = None, *, extra: Optional[Mapping[str, Any]] = None,
        headers: Optional[Mapping[str, Optional[str]]] = None, timeout: Union[Timeout, float, None] = None,
    ) -> EmbeddingsResponse:
        """One vector, not normalised. The older way; see embed().

        POST /api/embeddings

        model: the name of a model, such as llama3.2
        prompt: the text
        options: options of the model, such as temperature
        keep_alive: seconds to keep the model in memory, or a duration such as '5m'; 0 unloads it, below 0 is for ever
        extra: more members of the request; they win
        headers: more header fields; None leaves one out
        timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

        What is left out is not sent: the server decides.

        Returns: EmbeddingsResponse
        Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

        >>> import ollama_stream as ollama
        >>> ollama.embeddings('llama3.2', 'hello').embedding[0]
        -0.17851105332374573
        """
    @overload
    def pull(
        self, model: str, *, insecure: bool = False, stream: Literal[False] = False,
        extra: Optional[Mapping[str, Any]] = None, headers: Optional[Mapping[str, Optional[str]]] = None,
        timeout: Union[Timeout, float, None] = None,
    ) -> Answer[ProgressResponse]:
        """Have the server download a model.

        Without a stream nothing comes before the end, so that there is no first_byte clock unless the call names one.

        POST /api/pull

        model: the name of a model, such as llama3.2
        insecure: a registry without TLS, or with a certificate of its own (default: False)
        stream: hand out the answer piece by piece, as it comes (default: False)
        extra: more members of the request; they win
        headers: more header fields; None leaves one out
        timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

        What is left out is not sent: the server decides.

        Returns: ProgressResponse, or with stream=True a stream of them
        Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

        >>> import ollama_stream as ollama
        >>> ollama.pull('smollm2:135m').status
        'success'
        """
    @overload
    def pull(
        self, model: str, *, insecure: bool = False, stream: Literal[True], extra: Optional[Mapping[str, Any]] = None,
        headers: Optional[Mapping[str, Optional[str]]] = None, timeout: Union[Timeout, float, None] = None,
    ) -> AsyncStream[ProgressResponse]: ...
    @overload
    def pull(
        self, model: str, *, insecure: bool = False, stream: bool, extra: Optional[Mapping[str, Any]] = None,
        headers: Optional[Mapping[str, Optional[str]]] = None, timeout: Union[Timeout, float, None] = None,
    ) -> Union[Answer[ProgressResponse], AsyncStream[ProgressResponse]]: ...
    @overload
    def push(
        self, model: str, *, insecure: bool = False, stream: Literal[False] = False,
        extra: Optional[Mapping[str, Any]] = None, headers: Optional[Mapping[str, Optional[str]]] = None,
        timeout: Union[Timeout, float, None] = None,
    ) -> Answer[ProgressResponse]:
        """Have the server upload a model; the clocks are those of pull().

        POST /api/push

        model: the name of a model, such as llama3.2
        insecure: a registry without TLS, or with a certificate of its own (default: False)
        stream: hand out the answer piece by piece, as it comes (default: False)
        extra: more members of the request; they win
        headers: more header fields; None leaves one out
        timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

        What is left out is not sent: the server decides.

        Returns: ProgressResponse, or with stream=True a stream of them
        Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

        >>> import ollama_stream as ollama
        >>> ollama.push('me/mario').status
        'success'
        """
    @overload
    def push(
        self, model: str, *, insecure: bool = False, stream: Literal[True], extra: Optional[Mapping[str, Any]] = None,
        headers: Optional[Mapping[str, Optional[str]]] = None, timeout: Union[Timeout, float, None] = None,
    ) -> AsyncStream[ProgressResponse]: ...
    @overload
    def push(
        self, model: str, *, insecure: bool = False, stream: bool, extra: Optional[Mapping[str, Any]] = None,
        headers: Optional[Mapping[str, Optional[str]]] = None, timeout: Union[Timeout, float, None] = None,
    ) -> Union[Answer[ProgressResponse], AsyncStream[ProgressResponse]]: ...
    @overload
    def create(
        self, model: str, quantize: Optional[str] = None, from_: Optional[str] = None,
        files: Optional[Mapping[str, str]] = None, adapters: Optional[Mapping[str, str]] = None,
        template: Optional[str] = None, license: Union[str, Sequence[str], None] = None, system: Optional[str] = None,
        parameters: Optional[ModelOptions] = None, messages: Optional[Messages] = None, *,
        stream: Literal[False] = False, draft_files: Optional[Mapping[str, str]] = None,
        draft_quantize: Optional[str] = None, renderer: Optional[str] = None, parser: Optional[str] = None,
        requires: Optional[str] = None, remote_host: Optional[str] = None, info: Optional[Mapping[str, Any]] = None,
        extra: Optional[Mapping[str, Any]] = None, headers: Optional[Mapping[str, Optional[str]]] = None,
        timeout: Union[Timeout, float, None] = None,
    ) -> Answer[ProgressResponse]:
        """Make a model, from another one or from files.

        POST /api/create

        model: the name of a model, such as llama3.2
        quantize: a form such as q4_K_M
        from_: the model to begin with, sent as "from"
        files: file names and their digests, of create_blob()
        adapters: the same for adapters
        template: the template of its prompts
        license: a text, or several
        system: its system message
        parameters: its options, such as temperature
        messages: the conversation that it begins with
        stream: hand out the answer piece by piece, as it comes (default: False)
        draft_files: files, as above, of a draft model
        draft_quantize: a form for the draft model
        renderer: the name of a built-in one
        parser: the name of a built-in one
        requires: the least version of the server
        remote_host: the server that runs it
        info: capabilities, context_length (tokens), ...
        extra: more members of the request; they win
        headers: more header fields; None leaves one out
        timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

        What is left out is not sent: the server decides.

        Returns: ProgressResponse, or with stream=True a stream of them
        Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

        >>> import ollama_stream as ollama
        >>> ollama.create('mario', from_='llama3.2', system='You are Mario.').status
        'success'
        """
    @overload
    def create(
        self, model: str, quantize: Optional[str] = None, from_: Optional[str] = None,
        files: Optional[Mapping[str, str]] = None, adapters: Optional[Mapping[str, str]] = None,
        template: Optional[str] = None, license: Union[str, Sequence[str], None] = None, system: Optional[str] = None,
        parameters: Optional[ModelOptions] = None, messages: Optional[Messages] = None, *, stream: Literal[True],
        draft_files: Optional[Mapping[str, str]] = None, draft_quantize: Optional[str] = None,
        renderer: Optional[str] = None, parser: Optional[str] = None, requires: Optional[str] = None,
        remote_host: Optional[str] = None, info: Optional[Mapping[str, Any]] = None,
        extra: Optional[Mapping[str, Any]] = None, headers: Optional[Mapping[str, Optional[str]]] = None,
        timeout: Union[Timeout, float, None] = None,
    ) -> AsyncStream[ProgressResponse]: ...
    @overload
    def create(
        self, model: str, quantize: Optional[str] = None, from_: Optional[str] = None,
        files: Optional[Mapping[str, str]] = None, adapters: Optional[Mapping[str, str]] = None,
        template: Optional[str] = None, license: Union[str, Sequence[str], None] = None, system: Optional[str] = None,
        parameters: Optional[ModelOptions] = None, messages: Optional[Messages] = None, *, stream: bool,
        draft_files: Optional[Mapping[str, str]] = None, draft_quantize: Optional[str] = None,
        renderer: Optional[str] = None, parser: Optional[str] = None, requires: Optional[str] = None,
        remote_host: Optional[str] = None, info: Optional[Mapping[str, Any]] = None,
        extra: Optional[Mapping[str, Any]] = None, headers: Optional[Mapping[str, Optional[str]]] = None,
        timeout: Union[Timeout, float, None] = None,
    ) -> Union[Answer[ProgressResponse], AsyncStream[ProgressResponse]]: ...
    async def create_blob(
        self, path: Path, *, extra: Optional[Mapping[str, Any]] = None,
        headers: Optional[Mapping[str, Optional[str]]] = None, timeout: Union[Timeout, float, None] = None,
    ) -> str:
        """Give the server a file, for create(); returns "sha256:" and the digest.

        The file is read in pieces. It is not sent if the server has it.

        POST /api/blobs/{digest}

        path: the name of the file
        extra: more members of the request; they win
        headers: more header fields; None leaves one out
        timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

        What is left out is not sent: the server decides.

        Returns: str
        Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

        >>> import ollama_stream as ollama
        >>> ollama.create_blob('model.gguf')[:7]
        'sha256:'
        """
    async def blob_exists(
        self, digest: str, *, extra: Optional[Mapping[str, Any]] = None,
        headers: Optional[Mapping[str, Optional[str]]] = None, timeout: Union[Timeout, float, None] = None,
    ) -> bool:
        """Whether the server has a file.

        HEAD /api/blobs/{digest}

        digest: 'sha256:' and 64 digits, as create_blob() returns it
        extra: more members of the request; they win
        headers: more header fields; None leaves one out
        timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

        What is left out is not sent: the server decides.

        Returns: bool
        Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

        >>> import ollama_stream as ollama
        >>> ollama.blob_exists('sha256:' + 64 * '0')
        False
        """
    async def list(
        self, *, extra: Optional[Mapping[str, Any]] = None, headers: Optional[Mapping[str, Optional[str]]] = None,
        timeout: Union[Timeout, float, None] = None,
    ) -> ListResponse:
        """The installed models.

        GET /api/tags

        extra: more members of the request; they win
        headers: more header fields; None leaves one out
        timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

        What is left out is not sent: the server decides.

        Returns: ListResponse
        Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

        >>> import ollama_stream as ollama
        >>> [model.model for model in ollama.list().models]
        ['qwen3:0.6b', 'llama3.2:latest', 'llama2:latest']
        """
    async def show(
        self, model: str, *, system: Optional[str] = None, options: Optional[ModelOptions] = None,
        verbose: Optional[bool] = None, extra: Optional[Mapping[str, Any]] = None,
        headers: Optional[Mapping[str, Optional[str]]] = None, timeout: Union[Timeout, float, None] = None,
    ) -> ShowResponse:
        """Everything about one model.

        POST /api/show

        model: the name of a model, such as llama3.2
        system: shown in place of the model's own
        options: options of the model, such as temperature
        verbose: the large arrays of model_info too
        extra: more members of the request; they win
        headers: more header fields; None leaves one out
        timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

        What is left out is not sent: the server decides.

        Returns: ShowResponse
        Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

        >>> import ollama_stream as ollama
        >>> ollama.show('qwen3:0.6b').capabilities
        ['completion', 'tools', 'thinking']
        """
    async def ps(
        self, *, extra: Optional[Mapping[str, Any]] = None, headers: Optional[Mapping[str, Optional[str]]] = None,
        timeout: Union[Timeout, float, None] = None,
    ) -> ProcessResponse:
        """The models in memory.

        GET /api/ps

        extra: more members of the request; they win
        headers: more header fields; None leaves one out
        timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

        What is left out is not sent: the server decides.

        Returns: ProcessResponse
        Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

        >>> import ollama_stream as ollama
        >>> [(model.model, model.size_vram) for model in ollama.ps().models]
        [('llama3.2:latest', 98362432)]
        """
    async def copy(
        self, source: str, destination: str, *, extra: Optional[Mapping[str, Any]] = None,
        headers: Optional[Mapping[str, Optional[str]]] = None, timeout: Union[Timeout, float, None] = None,
    ) -> StatusResponse:
        """Another name for a model.

        POST /api/copy

        source: the name of a model, such as llama3.2
        destination: the new name
        extra: more members of the request; they win
        headers: more header fields; None leaves one out
        timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

        What is left out is not sent: the server decides.

        Returns: StatusResponse
        Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

        >>> import ollama_stream as ollama
        >>> ollama.copy('llama3.2', 'mine').status
        'success'
        """
    async def delete(
        self, model: str, *, extra: Optional[Mapping[str, Any]] = None,
        headers: Optional[Mapping[str, Optional[str]]] = None, timeout: Union[Timeout, float, None] = None,
    ) -> StatusResponse:
        """Remove a model.

        DELETE /api/delete

        model: the name of a model, such as llama3.2
        extra: more members of the request; they win
        headers: more header fields; None leaves one out
        timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

        What is left out is not sent: the server decides.

        Returns: StatusResponse
        Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

        >>> import ollama_stream as ollama
        >>> ollama.delete('mine').status
        'success'
        """
    async def version(
        self, *, extra: Optional[Mapping[str, Any]] = None, headers: Optional[Mapping[str, Optional[str]]] = None,
        timeout: Union[Timeout, float, None] = None,
    ) -> VersionResponse:
        """The version of the server.

        GET /api/version

        extra: more members of the request; they win
        headers: more header fields; None leaves one out
        timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

        What is left out is not sent: the server decides.

        Returns: VersionResponse
        Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

        >>> import ollama_stream as ollama
        >>> ollama.version().version
        '0.32.15'
        """
    async def ping(
        self, *, extra: Optional[Mapping[str, Any]] = None, headers: Optional[Mapping[str, Optional[str]]] = None,
        timeout: Union[Timeout, float, None] = None,
    ) -> bool:
        """Whether a server answers, and well, within 10 s unless the call names other clocks.

        False for every failure but a wrong argument; version() raises what was wrong.

        HEAD /

        extra: more members of the request; they win
        headers: more header fields; None leaves one out
        timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

        What is left out is not sent: the server decides.

        Returns: bool
        Raises: TypeError or RequestError for a wrong argument, before anything is sent

        >>> import ollama_stream as ollama
        >>> ollama.ping()
        True
        """
    async def me(
        self, *, extra: Optional[Mapping[str, Any]] = None, headers: Optional[Mapping[str, Optional[str]]] = None,
        timeout: Union[Timeout, float, None] = None,
    ) -> UserResponse:
        """The ollama.com account of the server; ResponseError with ``signin_url`` if there is none.

        POST /api/me

        extra: more members of the request; they win
        headers: more header fields; None leaves one out
        timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

        What is left out is not sent: the server decides.

        Returns: UserResponse
        Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

        >>> import ollama_stream as ollama
        >>> ollama.me().name
        'jo'
        """
    async def signout(
        self, *, extra: Optional[Mapping[str, Any]] = None, headers: Optional[Mapping[str, Optional[str]]] = None,
        timeout: Union[Timeout, float, None] = None,
    ) -> StatusResponse:
        """Sign the server out of ollama.com.

        POST /api/signout

        extra: more members of the request; they win
        headers: more header fields; None leaves one out
        timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

        What is left out is not sent: the server decides.

        Returns: StatusResponse
        Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

        >>> import ollama_stream as ollama
        >>> ollama.signout().status
        'success'
        """
    async def cloud_status(
        self, *, extra: Optional[Mapping[str, Any]] = None, headers: Optional[Mapping[str, Optional[str]]] = None,
        timeout: Union[Timeout, float, None] = None,
    ) -> CloudStatusResponse:
        """Whether the server may use ollama.com.

        GET /api/status

        extra: more members of the request; they win
        headers: more header fields; None leaves one out
        timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

        What is left out is not sent: the server decides.

        Returns: CloudStatusResponse
        Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

        >>> import ollama_stream as ollama
        >>> ollama.cloud_status().cloud.disabled
        True
        """
    async def web_search(
        self, query: str, max_results: int = 3, *, extra: Optional[Mapping[str, Any]] = None,
        headers: Optional[Mapping[str, Optional[str]]] = None, timeout: Union[Timeout, float, None] = None,
    ) -> WebSearchResponse:
        """Search the web at ollama.com. Without OLLAMA_API_KEY or a Bearer token in ``Authorization``: RequestError.

        POST https://ollama.com/api/web_search

        query: what to look for
        max_results: how many results at most (default: 3)
        extra: more members of the request; they win
        headers: more header fields; None leaves one out
        timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

        What is left out is not sent: the server decides.

        Returns: WebSearchResponse
        Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

        >>> import ollama_stream as ollama
        >>> ollama.web_search('llamas').results[0].title
        'Llama'
        """
    async def web_fetch(
        self, url: str, *, extra: Optional[Mapping[str, Any]] = None,
        headers: Optional[Mapping[str, Optional[str]]] = None, timeout: Union[Timeout, float, None] = None,
    ) -> WebFetchResponse:
        """Fetch a page as text, by ollama.com; the key as for web_search().

        POST https://ollama.com/api/web_fetch

        url: the address of the page
        extra: more members of the request; they win
        headers: more header fields; None leaves one out
        timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

        What is left out is not sent: the server decides.

        Returns: WebFetchResponse
        Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

        >>> import ollama_stream as ollama
        >>> ollama.web_fetch('https://example.com').title
        'Example Domain'
        """
    async def request(
        self, method: str, path: str, json: Any = None, *, body: Any = None, stream: bool = False,
        headers: Optional[Mapping[str, Optional[str]]] = None, timeout: Union[Timeout, float, None] = None,
    ) -> Any:
        """Any endpoint: the JSON value of the answer, or with stream=True a stream of dicts.

        A path that the library knows keeps its rule for a whole answer.

        method: such as POST
        path: an absolute path, such as /api/chat, percent-encoded
        json: the value that is the body, sent as it is
        body: bytes or a text that is the body instead
        stream: hand out the answer piece by piece, as it comes (default: False)
        headers: more header fields; None leaves one out
        timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

        What is left out is not sent: the server decides.

        Returns: Any, or with stream=True a stream of them
        Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

        >>> import ollama_stream as ollama
        >>> ollama.request('GET', '/api/version')
        {'version': '0.32.15'}
        """
    def stream_chat(
        self, model: str, messages: Union[str, Messages], *, tools: Optional[Tools] = None,
        think: Optional[Union[bool, str]] = None, logprobs: Optional[bool] = None, top_logprobs: Optional[int] = None,
        format: Any = None, options: Optional[ModelOptions] = None, keep_alive: Optional[Union[float, str]] = None,
        truncate: Optional[bool] = None, shift: Optional[bool] = None, _debug_render_only: Optional[bool] = None,
        extra: Optional[Mapping[str, Any]] = None, headers: Optional[Mapping[str, Optional[str]]] = None,
        timeout: Union[Timeout, float, None] = None,
    ) -> AsyncTexts:
        """The text of a chat answer, piece by piece, none empty.

        POST /api/chat

        model: the name of a model, such as llama3.2
        messages: the conversation so far, or one prompt as text
        tools: what the model may call
        think: whether to think, or how hard, such as 'low'
        logprobs: the log probability of each token
        top_logprobs: 0 to 20 alternatives to each token
        format: json, a JSON Schema, or a Python type that becomes one
        options: options of the model, such as temperature
        keep_alive: seconds to keep the model in memory, or a duration such as '5m'; 0 unloads it, below 0 is for ever
        truncate: drop the oldest messages if too many
        shift: go on past the end of the context
        _debug_render_only: answer with the rendered prompt, in _debug_info
        extra: more members of the request; they win
        headers: more header fields; None leaves one out
        timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

        What is left out is not sent: the server decides.

        Returns: Texts
        Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

        >>> import ollama_stream as ollama
        >>> ''.join(ollama.stream_chat('llama3.2', 'Say one word.'))
        'Hello'
        """
    def run_tools(
        self, model: str, messages: Union[str, Messages], tools: Tools, *, max_rounds: int = 10,
        think: Optional[Union[bool, str]] = None, logprobs: Optional[bool] = None, top_logprobs: Optional[int] = None,
        format: Any = None, options: Optional[ModelOptions] = None, keep_alive: Optional[Union[float, str]] = None,
        truncate: Optional[bool] = None, shift: Optional[bool] = None, _debug_render_only: Optional[bool] = None,
        extra: Optional[Mapping[str, Any]] = None, headers: Optional[Mapping[str, Optional[str]]] = None,
        timeout: Union[Timeout, float, None] = None,
    ) -> AsyncToolRun:
        """A chat in which the functions that the model asks for are called; see ``tools.run_tools``.

        POST /api/chat

        model: the name of a model, such as llama3.2
        messages: the conversation so far, or one prompt as text
        tools: what the model may call
        max_rounds: how many answers there may be before one asks for no tool (default: 10)
        think: whether to think, or how hard, such as 'low'
        logprobs: the log probability of each token
        top_logprobs: 0 to 20 alternatives to each token
        format: json, a JSON Schema, or a Python type that becomes one
        options: options of the model, such as temperature
        keep_alive: seconds to keep the model in memory, or a duration such as '5m'; 0 unloads it, below 0 is for ever
        truncate: drop the oldest messages if too many
        shift: go on past the end of the context
        _debug_render_only: answer with the rendered prompt, in _debug_info
        extra: more members of the request; they win
        headers: more header fields; None leaves one out
        timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

        What is left out is not sent: the server decides.

        Returns: ToolRun
        Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

        >>> import ollama_stream as ollama
        >>> def get_weather(city: str) -> str: return 'sunny'
        >>> ollama.Client().run_tools('qwen3:0.6b', 'Weather in Paris?', [get_weather]).result().done_reason
        'stop'
        """

@overload
def chat(
    model: str = "", messages: Union[str, Messages, None] = None, *, tools: Optional[Tools] = None,
    stream: Literal[False] = False, think: Optional[Union[bool, str]] = None, logprobs: Optional[bool] = None,
    top_logprobs: Optional[int] = None, format: Any = None, options: Optional[ModelOptions] = None,
    keep_alive: Optional[Union[float, str]] = None, truncate: Optional[bool] = None, shift: Optional[bool] = None,
    _debug_render_only: Optional[bool] = None, extra: Optional[Mapping[str, Any]] = None,
    headers: Optional[Mapping[str, Optional[str]]] = None, timeout: Union[Timeout, float, None] = None,
) -> ChatResponse:
    """The next message of a conversation. Without messages the model is only loaded (or unloaded, by keep_alive=0).

    POST /api/chat

    model: the name of a model, such as llama3.2
    messages: the conversation so far, or one prompt as text
    tools: what the model may call
    stream: hand out the answer piece by piece, as it comes (default: False)
    think: whether to think, or how hard, such as 'low'
    logprobs: the log probability of each token
    top_logprobs: 0 to 20 alternatives to each token
    format: json, a JSON Schema, or a Python type that becomes one
    options: options of the model, such as temperature
    keep_alive: seconds to keep the model in memory, or a duration such as '5m'; 0 unloads it, below 0 is for ever
    truncate: drop the oldest messages if too many
    shift: go on past the end of the context
    _debug_render_only: answer with the rendered prompt, in _debug_info
    extra: more members of the request; they win
    headers: more header fields; None leaves one out
    timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

    What is left out is not sent: the server decides.

    Returns: ChatResponse, or with stream=True a stream of them
    Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

    >>> import ollama_stream as ollama
    >>> ollama.chat('llama3.2', 'Say one word.').text
    'Hello'
    """
@overload
def chat(
    model: str = "", messages: Union[str, Messages, None] = None, *, tools: Optional[Tools] = None,
    stream: Literal[True], think: Optional[Union[bool, str]] = None, logprobs: Optional[bool] = None,
    top_logprobs: Optional[int] = None, format: Any = None, options: Optional[ModelOptions] = None,
    keep_alive: Optional[Union[float, str]] = None, truncate: Optional[bool] = None, shift: Optional[bool] = None,
    _debug_render_only: Optional[bool] = None, extra: Optional[Mapping[str, Any]] = None,
    headers: Optional[Mapping[str, Optional[str]]] = None, timeout: Union[Timeout, float, None] = None,
) -> Stream[ChatResponse]: ...
@overload
def chat(
    model: str = "", messages: Union[str, Messages, None] = None, *, tools: Optional[Tools] = None, stream: bool,
    think: Optional[Union[bool, str]] = None, logprobs: Optional[bool] = None, top_logprobs: Optional[int] = None,
    format: Any = None, options: Optional[ModelOptions] = None, keep_alive: Optional[Union[float, str]] = None,
    truncate: Optional[bool] = None, shift: Optional[bool] = None, _debug_render_only: Optional[bool] = None,
    extra: Optional[Mapping[str, Any]] = None, headers: Optional[Mapping[str, Optional[str]]] = None,
    timeout: Union[Timeout, float, None] = None,
) -> Union[ChatResponse, Stream[ChatResponse]]: ...

@overload
def generate(
    model: str = "", prompt: Optional[str] = None, suffix: Optional[str] = None, *, system: Optional[str] = None,
    template: Optional[str] = None, context: Optional[Sequence[int]] = None, stream: Literal[False] = False,
    think: Optional[Union[bool, str]] = None, logprobs: Optional[bool] = None, top_logprobs: Optional[int] = None,
    raw: Optional[bool] = None, format: Any = None, images: Optional[Images] = None,
    options: Optional[ModelOptions] = None, keep_alive: Optional[Union[float, str]] = None,
    width: Optional[int] = None, height: Optional[int] = None, steps: Optional[int] = None,
    truncate: Optional[bool] = None, shift: Optional[bool] = None, _debug_render_only: Optional[bool] = None,
    extra: Optional[Mapping[str, Any]] = None, headers: Optional[Mapping[str, Optional[str]]] = None,
    timeout: Union[Timeout, float, None] = None,
) -> GenerateResponse:
    """The text that follows a prompt.

    POST /api/generate

    model: the name of a model, such as llama3.2
    prompt: the text to go on from
    suffix: the text that follows the answer
    system: the system message, in place of the model's own
    template: the template, in place of the model's own
    context: tokens of an earlier answer; deprecated
    stream: hand out the answer piece by piece, as it comes (default: False)
    think: whether to think, or how hard, such as 'low'
    logprobs: the log probability of each token
    top_logprobs: 0 to 20 alternatives to each token
    raw: send the prompt as it is, without the template
    format: json, a JSON Schema, or a Python type that becomes one
    images: bytes, paths or base64
    options: options of the model, such as temperature
    keep_alive: seconds to keep the model in memory, or a duration such as '5m'; 0 unloads it, below 0 is for ever
    width: pixels (models that make images, until 0.32.5)
    height: pixels
    steps: steps of making the image
    truncate: drop the oldest messages if too many
    shift: go on past the end of the context
    _debug_render_only: answer with the rendered prompt, in _debug_info
    extra: more members of the request; they win
    headers: more header fields; None leaves one out
    timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

    What is left out is not sent: the server decides.

    Returns: GenerateResponse, or with stream=True a stream of them
    Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

    >>> import ollama_stream as ollama
    >>> ollama.generate('qwen3:0.6b', 'What is 17 * 23?').response
    '17 × 23 = **391**'
    """
@overload
def generate(
    model: str = "", prompt: Optional[str] = None, suffix: Optional[str] = None, *, system: Optional[str] = None,
    template: Optional[str] = None, context: Optional[Sequence[int]] = None, stream: Literal[True],
    think: Optional[Union[bool, str]] = None, logprobs: Optional[bool] = None, top_logprobs: Optional[int] = None,
    raw: Optional[bool] = None, format: Any = None, images: Optional[Images] = None,
    options: Optional[ModelOptions] = None, keep_alive: Optional[Union[float, str]] = None,
    width: Optional[int] = None, height: Optional[int] = None, steps: Optional[int] = None,
    truncate: Optional[bool] = None, shift: Optional[bool] = None, _debug_render_only: Optional[bool] = None,
    extra: Optional[Mapping[str, Any]] = None, headers: Optional[Mapping[str, Optional[str]]] = None,
    timeout: Union[Timeout, float, None] = None,
) -> Stream[GenerateResponse]: ...
@overload
def generate(
    model: str = "", prompt: Optional[str] = None, suffix: Optional[str] = None, *, system: Optional[str] = None,
    template: Optional[str] = None, context: Optional[Sequence[int]] = None, stream: bool,
    think: Optional[Union[bool, str]] = None, logprobs: Optional[bool] = None, top_logprobs: Optional[int] = None,
    raw: Optional[bool] = None, format: Any = None, images: Optional[Images] = None,
    options: Optional[ModelOptions] = None, keep_alive: Optional[Union[float, str]] = None,
    width: Optional[int] = None, height: Optional[int] = None, steps: Optional[int] = None,
    truncate: Optional[bool] = None, shift: Optional[bool] = None, _debug_render_only: Optional[bool] = None,
    extra: Optional[Mapping[str, Any]] = None, headers: Optional[Mapping[str, Optional[str]]] = None,
    timeout: Union[Timeout, float, None] = None,
) -> Union[GenerateResponse, Stream[GenerateResponse]]: ...

def unload(
    model: str, *, extra: Optional[Mapping[str, Any]] = None, headers: Optional[Mapping[str, Optional[str]]] = None,
    timeout: Union[Timeout, float, None] = None,
) -> GenerateResponse:
    """Have the server take a model out of its memory: a generate call without a prompt and with keep_alive 0.

    POST /api/generate

    model: the name of a model, such as llama3.2
    extra: more members of the request; they win
    headers: more header fields; None leaves one out
    timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

    What is left out is not sent: the server decides.

    Returns: GenerateResponse
    Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

    >>> import ollama_stream as ollama
    >>> ollama.unload('llama3.2').done_reason
    'unload'
    """

def embed(
    model: str = "", input: Union[str, Sequence[str]] = "", truncate: Optional[bool] = None,
    options: Optional[ModelOptions] = None, keep_alive: Optional[Union[float, str]] = None,
    dimensions: Optional[int] = None, *, extra: Optional[Mapping[str, Any]] = None,
    headers: Optional[Mapping[str, Optional[str]]] = None, timeout: Union[Timeout, float, None] = None,
) -> EmbedResponse:
    """A vector for each input, L2-normalised. Without an input the model is only loaded.

    POST /api/embed

    model: the name of a model, such as llama3.2
    input: a text, or several
    truncate: cut a text that is too long (True) or refuse it (False)
    options: options of the model, such as temperature
    keep_alive: seconds to keep the model in memory, or a duration such as '5m'; 0 unloads it, below 0 is for ever
    dimensions: numbers in a vector; the rest is cut off
    extra: more members of the request; they win
    headers: more header fields; None leaves one out
    timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

    What is left out is not sent: the server decides.

    Returns: EmbedResponse
    Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

    >>> import ollama_stream as ollama
    >>> len(ollama.embed('llama3.2', ['hello', 'goodbye']).embeddings)
    2
    """

def embeddings(
    model: str = "", prompt: Optional[str] = None, options: Optional[ModelOptions] = None,
    keep_alive: Optional[Union[float, str]] = None, *, extra: Optional[Mapping[str, Any]] = None,
    headers: Optional[Mapping[str, Optional[str]]] = None, timeout: Union[Timeout, float, None] = None,
) -> EmbeddingsResponse:
    """One vector, not normalised. The older way; see embed().

    POST /api/embeddings

    model: the name of a model, such as llama3.2
    prompt: the text
    options: options of the model, such as temperature
    keep_alive: seconds to keep the model in memory, or a duration such as '5m'; 0 unloads it, below 0 is for ever
    extra: more members of the request; they win
    headers: more header fields; None leaves one out
    timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

    What is left out is not sent: the server decides.

    Returns: EmbeddingsResponse
    Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

    >>> import ollama_stream as ollama
    >>> ollama.embeddings('llama3.2', 'hello').embedding[0]
    -0.17851105332374573
    """

@overload
def pull(
    model: str, *, insecure: bool = False, stream: Literal[False] = False, extra: Optional[Mapping[str, Any]] = None,
    headers: Optional[Mapping[str, Optional[str]]] = None, timeout: Union[Timeout, float, None] = None,
) -> ProgressResponse:
    """Have the server download a model.

    Without a stream nothing comes before the end, so that there is no first_byte clock unless the call names one.

    POST /api/pull

    model: the name of a model, such as llama3.2
    insecure: a registry without TLS, or with a certificate of its own (default: False)
    stream: hand out the answer piece by piece, as it comes (default: False)
    extra: more members of the request; they win
    headers: more header fields; None leaves one out
    timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

    What is left out is not sent: the server decides.

    Returns: ProgressResponse, or with stream=True a stream of them
    Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

    >>> import ollama_stream as ollama
    >>> ollama.pull('smollm2:135m').status
    'success'
    """
@overload
def pull(
    model: str, *, insecure: bool = False, stream: Literal[True], extra: Optional[Mapping[str, Any]] = None,
    headers: Optional[Mapping[str, Optional[str]]] = None, timeout: Union[Timeout, float, None] = None,
) -> Stream[ProgressResponse]: ...
@overload
def pull(
    model: str, *, insecure: bool = False, stream: bool, extra: Optional[Mapping[str, Any]] = None,
    headers: Optional[Mapping[str, Optional[str]]] = None, timeout: Union[Timeout, float, None] = None,
) -> Union[ProgressResponse, Stream[ProgressResponse]]: ...

@overload
def push(
    model: str, *, insecure: bool = False, stream: Literal[False] = False, extra: Optional[Mapping[str, Any]] = None,
    headers: Optional[Mapping[str, Optional[str]]] = None, timeout: Union[Timeout, float, None] = None,
) -> ProgressResponse:
    """Have the server upload a model; the clocks are those of pull().

    POST /api/push

    model: the name of a model, such as llama3.2
    insecure: a registry without TLS, or with a certificate of its own (default: False)
    stream: hand out the answer piece by piece, as it comes (default: False)
    extra: more members of the request; they win
    headers: more header fields; None leaves one out
    timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

    What is left out is not sent: the server decides.

    Returns: ProgressResponse, or with stream=True a stream of them
    Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

    >>> import ollama_stream as ollama
    >>> ollama.push('me/mario').status
    'success'
    """
@overload
def push(
    model: str, *, insecure: bool = False, stream: Literal[True], extra: Optional[Mapping[str, Any]] = None,
    headers: Optional[Mapping[str, Optional[str]]] = None, timeout: Union[Timeout, float, None] = None,
) -> Stream[ProgressResponse]: ...
@overload
def push(
    model: str, *, insecure: bool = False, stream: bool, extra: Optional[Mapping[str, Any]] = None,
    headers: Optional[Mapping[str, Optional[str]]] = None, timeout: Union[Timeout, float, None] = None,
) -> Union[ProgressResponse, Stream[ProgressResponse]]: ...

@overload
def create(
    model: str, quantize: Optional[str] = None, from_: Optional[str] = None,
    files: Optional[Mapping[str, str]] = None, adapters: Optional[Mapping[str, str]] = None,
    template: Optional[str] = None, license: Union[str, Sequence[str], None] = None, system: Optional[str] = None,
    parameters: Optional[ModelOptions] = None, messages: Optional[Messages] = None, *, stream: Literal[False] = False,
    draft_files: Optional[Mapping[str, str]] = None, draft_quantize: Optional[str] = None,
    renderer: Optional[str] = None, parser: Optional[str] = None, requires: Optional[str] = None,
    remote_host: Optional[str] = None, info: Optional[Mapping[str, Any]] = None,
    extra: Optional[Mapping[str, Any]] = None, headers: Optional[Mapping[str, Optional[str]]] = None,
    timeout: Union[Timeout, float, None] = None,
) -> ProgressResponse:
    """Make a model, from another one or from files.

    POST /api/create

    model: the name of a model, such as llama3.2
    quantize: a form such as q4_K_M
    from_: the model to begin with, sent as "from"
    files: file names and their digests, of create_blob()
    adapters: the same for adapters
    template: the template of its prompts
    license: a text, or several
    system: its system message
    parameters: its options, such as temperature
    messages: the conversation that it begins with
    stream: hand out the answer piece by piece, as it comes (default: False)
    draft_files: files, as above, of a draft model
    draft_quantize: a form for the draft model
    renderer: the name of a built-in one
    parser: the name of a built-in one
    requires: the least version of the server
    remote_host: the server that runs it
    info: capabilities, context_length (tokens), ...
    extra: more members of the request; they win
    headers: more header fields; None leaves one out
    timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

    What is left out is not sent: the server decides.

    Returns: ProgressResponse, or with stream=True a stream of them
    Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

    >>> import ollama_stream as ollama
    >>> ollama.create('mario', from_='llama3.2', system='You are Mario.').status
    'success'
    """
@overload
def create(
    model: str, quantize: Optional[str] = None, from_: Optional[str] = None,
    files: Optional[Mapping[str, str]] = None, adapters: Optional[Mapping[str, str]] = None,
    template: Optional[str] = None, license: Union[str, Sequence[str], None] = None, system: Optional[str] = None,
    parameters: Optional[ModelOptions] = None, messages: Optional[Messages] = None, *, stream: Literal[True],
    draft_files: Optional[Mapping[str, str]] = None, draft_quantize: Optional[str] = None,
    renderer: Optional[str] = None, parser: Optional[str] = None, requires: Optional[str] = None,
    remote_host: Optional[str] = None, info: Optional[Mapping[str, Any]] = None,
    extra: Optional[Mapping[str, Any]] = None, headers: Optional[Mapping[str, Optional[str]]] = None,
    timeout: Union[Timeout, float, None] = None,
) -> Stream[ProgressResponse]: ...
@overload
def create(
    model: str, quantize: Optional[str] = None, from_: Optional[str] = None,
    files: Optional[Mapping[str, str]] = None, adapters: Optional[Mapping[str, str]] = None,
    template: Optional[str] = None, license: Union[str, Sequence[str], None] = None, system: Optional[str] = None,
    parameters: Optional[ModelOptions] = None, messages: Optional[Messages] = None, *, stream: bool,
    draft_files: Optional[Mapping[str, str]] = None, draft_quantize: Optional[str] = None,
    renderer: Optional[str] = None, parser: Optional[str] = None, requires: Optional[str] = None,
    remote_host: Optional[str] = None, info: Optional[Mapping[str, Any]] = None,
    extra: Optional[Mapping[str, Any]] = None, headers: Optional[Mapping[str, Optional[str]]] = None,
    timeout: Union[Timeout, float, None] = None,
) -> Union[ProgressResponse, Stream[ProgressResponse]]: ...

def create_blob(
    path: Path, *, extra: Optional[Mapping[str, Any]] = None, headers: Optional[Mapping[str, Optional[str]]] = None,
    timeout: Union[Timeout, float, None] = None,
) -> str:
    """Give the server a file, for create(); returns "sha256:" and the digest.

    The file is read in pieces. It is not sent if the server has it.

    POST /api/blobs/{digest}

    path: the name of the file
    extra: more members of the request; they win
    headers: more header fields; None leaves one out
    timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

    What is left out is not sent: the server decides.

    Returns: str
    Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

    >>> import ollama_stream as ollama
    >>> ollama.create_blob('model.gguf')[:7]
    'sha256:'
    """

def blob_exists(
    digest: str, *, extra: Optional[Mapping[str, Any]] = None, headers: Optional[Mapping[str, Optional[str]]] = None,
    timeout: Union[Timeout, float, None] = None,
) -> bool:
    """Whether the server has a file.

    HEAD /api/blobs/{digest}

    digest: 'sha256:' and 64 digits, as create_blob() returns it
    extra: more members of the request; they win
    headers: more header fields; None leaves one out
    timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

    What is left out is not sent: the server decides.

    Returns: bool
    Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

    >>> import ollama_stream as ollama
    >>> ollama.blob_exists('sha256:' + 64 * '0')
    False
    """

def list(
    *, extra: Optional[Mapping[str, Any]] = None, headers: Optional[Mapping[str, Optional[str]]] = None,
    timeout: Union[Timeout, float, None] = None,
) -> ListResponse:
    """The installed models.

    GET /api/tags

    extra: more members of the request; they win
    headers: more header fields; None leaves one out
    timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

    What is left out is not sent: the server decides.

    Returns: ListResponse
    Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

    >>> import ollama_stream as ollama
    >>> [model.model for model in ollama.list().models]
    ['qwen3:0.6b', 'llama3.2:latest', 'llama2:latest']
    """

def show(
    model: str, *, system: Optional[str] = None, options: Optional[ModelOptions] = None,
    verbose: Optional[bool] = None, extra: Optional[Mapping[str, Any]] = None,
    headers: Optional[Mapping[str, Optional[str]]] = None, timeout: Union[Timeout, float, None] = None,
) -> ShowResponse:
    """Everything about one model.

    POST /api/show

    model: the name of a model, such as llama3.2
    system: shown in place of the model's own
    options: options of the model, such as temperature
    verbose: the large arrays of model_info too
    extra: more members of the request; they win
    headers: more header fields; None leaves one out
    timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

    What is left out is not sent: the server decides.

    Returns: ShowResponse
    Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

    >>> import ollama_stream as ollama
    >>> ollama.show('qwen3:0.6b').capabilities
    ['completion', 'tools', 'thinking']
    """

def ps(
    *, extra: Optional[Mapping[str, Any]] = None, headers: Optional[Mapping[str, Optional[str]]] = None,
    timeout: Union[Timeout, float, None] = None,
) -> ProcessResponse:
    """The models in memory.

    GET /api/ps

    extra: more members of the request; they win
    headers: more header fields; None leaves one out
    timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

    What is left out is not sent: the server decides.

    Returns: ProcessResponse
    Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

    >>> import ollama_stream as ollama
    >>> [(model.model, model.size_vram) for model in ollama.ps().models]
    [('llama3.2:latest', 98362432)]
    """

def copy(
    source: str, destination: str, *, extra: Optional[Mapping[str, Any]] = None,
    headers: Optional[Mapping[str, Optional[str]]] = None, timeout: Union[Timeout, float, None] = None,
) -> StatusResponse:
    """Another name for a model.

    POST /api/copy

    source: the name of a model, such as llama3.2
    destination: the new name
    extra: more members of the request; they win
    headers: more header fields; None leaves one out
    timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

    What is left out is not sent: the server decides.

    Returns: StatusResponse
    Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

    >>> import ollama_stream as ollama
    >>> ollama.copy('llama3.2', 'mine').status
    'success'
    """

def delete(
    model: str, *, extra: Optional[Mapping[str, Any]] = None, headers: Optional[Mapping[str, Optional[str]]] = None,
    timeout: Union[Timeout, float, None] = None,
) -> StatusResponse:
    """Remove a model.

    DELETE /api/delete

    model: the name of a model, such as llama3.2
    extra: more members of the request; they win
    headers: more header fields; None leaves one out
    timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

    What is left out is not sent: the server decides.

    Returns: StatusResponse
    Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

    >>> import ollama_stream as ollama
    >>> ollama.delete('mine').status
    'success'
    """

def version(
    *, extra: Optional[Mapping[str, Any]] = None, headers: Optional[Mapping[str, Optional[str]]] = None,
    timeout: Union[Timeout, float, None] = None,
) -> VersionResponse:
    """The version of the server.

    GET /api/version

    extra: more members of the request; they win
    headers: more header fields; None leaves one out
    timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

    What is left out is not sent: the server decides.

    Returns: VersionResponse
    Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

    >>> import ollama_stream as ollama
    >>> ollama.version().version
    '0.32.15'
    """

def ping(
    *, extra: Optional[Mapping[str, Any]] = None, headers: Optional[Mapping[str, Optional[str]]] = None,
    timeout: Union[Timeout, float, None] = None,
) -> bool:
    """Whether a server answers, and well, within 10 s unless the call names other clocks.

    False for every failure but a wrong argument; version() raises what was wrong.

    HEAD /

    extra: more members of the request; they win
    headers: more header fields; None leaves one out
    timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

    What is left out is not sent: the server decides.

    Returns: bool
    Raises: TypeError or RequestError for a wrong argument, before anything is sent

    >>> import ollama_stream as ollama
    >>> ollama.ping()
    True
    """

def me(
    *, extra: Optional[Mapping[str, Any]] = None, headers: Optional[Mapping[str, Optional[str]]] = None,
    timeout: Union[Timeout, float, None] = None,
) -> UserResponse:
    """The ollama.com account of the server; ResponseError with ``signin_url`` if there is none.

    POST /api/me

    extra: more members of the request; they win
    headers: more header fields; None leaves one out
    timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

    What is left out is not sent: the server decides.

    Returns: UserResponse
    Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

    >>> import ollama_stream as ollama
    >>> ollama.me().name
    'jo'
    """

def signout(
    *, extra: Optional[Mapping[str, Any]] = None, headers: Optional[Mapping[str, Optional[str]]] = None,
    timeout: Union[Timeout, float, None] = None,
) -> StatusResponse:
    """Sign the server out of ollama.com.

    POST /api/signout

    extra: more members of the request; they win
    headers: more header fields; None leaves one out
    timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

    What is left out is not sent: the server decides.

    Returns: StatusResponse
    Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

    >>> import ollama_stream as ollama
    >>> ollama.signout().status
    'success'
    """

def cloud_status(
    *, extra: Optional[Mapping[str, Any]] = None, headers: Optional[Mapping[str, Optional[str]]] = None,
    timeout: Union[Timeout, float, None] = None,
) -> CloudStatusResponse:
    """Whether the server may use ollama.com.

    GET /api/status

    extra: more members of the request; they win
    headers: more header fields; None leaves one out
    timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

    What is left out is not sent: the server decides.

    Returns: CloudStatusResponse
    Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

    >>> import ollama_stream as ollama
    >>> ollama.cloud_status().cloud.disabled
    True
    """

def web_search(
    query: str, max_results: int = 3, *, extra: Optional[Mapping[str, Any]] = None,
    headers: Optional[Mapping[str, Optional[str]]] = None, timeout: Union[Timeout, float, None] = None,
) -> WebSearchResponse:
    """Search the web at ollama.com. Without OLLAMA_API_KEY or a Bearer token in ``Authorization``: RequestError.

    POST https://ollama.com/api/web_search

    query: what to look for
    max_results: how many results at most (default: 3)
    extra: more members of the request; they win
    headers: more header fields; None leaves one out
    timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

    What is left out is not sent: the server decides.

    Returns: WebSearchResponse
    Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

    >>> import ollama_stream as ollama
    >>> ollama.web_search('llamas').results[0].title
    'Llama'
    """

def web_fetch(
    url: str, *, extra: Optional[Mapping[str, Any]] = None, headers: Optional[Mapping[str, Optional[str]]] = None,
    timeout: Union[Timeout, float, None] = None,
) -> WebFetchResponse:
    """Fetch a page as text, by ollama.com; the key as for web_search().

    POST https://ollama.com/api/web_fetch

    url: the address of the page
    extra: more members of the request; they win
    headers: more header fields; None leaves one out
    timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

    What is left out is not sent: the server decides.

    Returns: WebFetchResponse
    Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

    >>> import ollama_stream as ollama
    >>> ollama.web_fetch('https://example.com').title
    'Example Domain'
    """

def request(
    method: str, path: str, json: Any = None, *, body: Any = None, stream: bool = False,
    headers: Optional[Mapping[str, Optional[str]]] = None, timeout: Union[Timeout, float, None] = None,
) -> Any:
    """Any endpoint: the JSON value of the answer, or with stream=True a stream of dicts.

    A path that the library knows keeps its rule for a whole answer.

    method: such as POST
    path: an absolute path, such as /api/chat, percent-encoded
    json: the value that is the body, sent as it is
    body: bytes or a text that is the body instead
    stream: hand out the answer piece by piece, as it comes (default: False)
    headers: more header fields; None leaves one out
    timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

    What is left out is not sent: the server decides.

    Returns: Any, or with stream=True a stream of them
    Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

    >>> import ollama_stream as ollama
    >>> ollama.request('GET', '/api/version')
    {'version': '0.32.15'}
    """

def stream_chat(
    model: str, messages: Union[str, Messages], *, tools: Optional[Tools] = None,
    think: Optional[Union[bool, str]] = None, logprobs: Optional[bool] = None, top_logprobs: Optional[int] = None,
    format: Any = None, options: Optional[ModelOptions] = None, keep_alive: Optional[Union[float, str]] = None,
    truncate: Optional[bool] = None, shift: Optional[bool] = None, _debug_render_only: Optional[bool] = None,
    extra: Optional[Mapping[str, Any]] = None, headers: Optional[Mapping[str, Optional[str]]] = None,
    timeout: Union[Timeout, float, None] = None,
) -> Texts:
    """The text of a chat answer, piece by piece, none empty.

    POST /api/chat

    model: the name of a model, such as llama3.2
    messages: the conversation so far, or one prompt as text
    tools: what the model may call
    think: whether to think, or how hard, such as 'low'
    logprobs: the log probability of each token
    top_logprobs: 0 to 20 alternatives to each token
    format: json, a JSON Schema, or a Python type that becomes one
    options: options of the model, such as temperature
    keep_alive: seconds to keep the model in memory, or a duration such as '5m'; 0 unloads it, below 0 is for ever
    truncate: drop the oldest messages if too many
    shift: go on past the end of the context
    _debug_render_only: answer with the rendered prompt, in _debug_info
    extra: more members of the request; they win
    headers: more header fields; None leaves one out
    timeout: seconds, or a Timeout, in place of the client's; None switches all clocks off

    What is left out is not sent: the server decides.

    Returns: Texts
    Raises: TypeError or RequestError for a wrong argument, before anything is sent; then any other OllamaError

    >>> import ollama_stream as ollama
    >>> ''.join(ollama.stream_chat('llama3.2', 'Say one word.'))
    'Hello'
    """
