# SPDX-License-Identifier: MIT
"""Answers that are one document, or progress: vectors, models, accounts, pages of the web. Fields as in ``_records``."""

from __future__ import annotations

from dataclasses import field
from datetime import datetime
from typing import Any, Dict, List, Optional

from ._decode import ByteSize, Record
from ._records import Message


class EmbedResponse(Record):
    """Vectors, one per input in its order, L2-normalised by the server, which never sets those after ``embeddings``."""

    model: Optional[str] = None
    total_duration: Optional[int] = None  # nanoseconds
    load_duration: Optional[int] = None  # nanoseconds
    prompt_eval_count: Optional[int] = None  # tokens
    embeddings: List[List[float]] = field(default_factory=list)  # one for each input
    created_at: Optional[str] = None
    done: Optional[bool] = None
    done_reason: Optional[str] = None
    prompt_eval_duration: Optional[int] = None  # nanoseconds
    eval_count: Optional[int] = None  # tokens
    eval_duration: Optional[int] = None  # nanoseconds

    _strict = _due = ("embeddings",)


class EmbeddingsResponse(Record):
    """One vector of the legacy endpoint, not normalised."""

    embedding: List[float] = field(default_factory=list)  # one vector

    _strict = _due = ("embedding",)


class ProgressResponse(Record):
    """A step of pull, push or create; ``completed`` of ``total`` bytes of the layer ``digest``, 0 is left out.

    ``status`` is "success" in the last one. ``completed`` may also go down, and never get to ``total``.
    """

    status: Optional[str] = None  # what is being done
    digest: Optional[str] = None  # of the layer
    total: Optional[int] = None  # bytes of the layer
    completed: Optional[int] = None  # bytes so far

    _strict = _due = ("status",)


class StatusResponse(Record):
    """The outcome of a call that is answered by an empty body: "success", for any other raises an error."""

    status: Optional[str] = "success"  # "success"

    _strict = ("status",)


class ModelDetails(Record):
    """What a model is made of; lengths in tokens and in numbers of a vector."""

    _later = frozenset({"context_length", "embedding_length"})

    parent_model: Optional[str] = None  # what it was made from
    format: Optional[str] = None  # such as gguf
    family: Optional[str] = None
    families: Optional[List[Any]] = None
    parameter_size: Optional[str] = None  # such as "3.2B"
    quantization_level: Optional[str] = None  # such as "Q4_K_M"
    context_length: Optional[int] = None  # tokens
    embedding_length: Optional[int] = None  # numbers of a vector


class ListedModel(Record):
    """An installed model; ``size`` in bytes."""

    _later = frozenset({"name", "remote_model", "remote_host", "capabilities"})

    name: Optional[str] = None
    model: Optional[str] = None
    remote_model: Optional[str] = None
    remote_host: Optional[str] = None
    modified_at: Optional[datetime] = None  # datetime where it parses
    size: Optional[ByteSize] = None  # bytes
    digest: Optional[str] = None
    details: Optional[ModelDetails] = None
    capabilities: Optional[List[Any]] = None  # such as "completion", "tools", "thinking"


class ListResponse(Record):
    """The installed models, the most recently modified first."""

    models: List[ListedModel] = field(default_factory=list)  # name, size and so on of each

    Model = ListedModel

    _strict = _due = ("models",)


class RunningModel(Record):
    """A loaded model; sizes in bytes, ``context_length`` in tokens."""

    name: Optional[str] = None
    model: Optional[str] = None
    size: Optional[ByteSize] = None  # bytes
    digest: Optional[str] = None
    details: Optional[ModelDetails] = None
    expires_at: Optional[datetime] = None  # datetime where it parses: when it will be unloaded
    size_vram: Optional[ByteSize] = None  # bytes of it on the GPU
    context_length: Optional[int] = None  # tokens


class ProcessResponse(Record):
    """The loaded models, the one that expires last first. One that is still loading is not in it."""

    models: List[RunningModel] = field(default_factory=list)  # name, size and so on of each

    Model = RunningModel

    _strict = _due = ("models",)


class ThinkingLevels(Record):
    """What ``think=`` may be for a model: booleans and names of levels; ``[False]`` where it cannot think."""

    values: List[Any] = field(default_factory=list)
    default: Any = None


class ShowResponse(Record):
    """Everything about one model."""

    _later = frozenset(
        "system renderer parser messages remote_model remote_host projector_info tensors requires thinking".split()
    )

    license: Optional[str] = None
    modelfile: Optional[str] = None
    parameters: Optional[str] = None  # its options, a line each
    template: Optional[str] = None
    system: Optional[str] = None
    renderer: Optional[str] = None
    parser: Optional[str] = None
    details: Optional[ModelDetails] = None
    messages: Optional[List[Message]] = None  # the conversation that it begins with
    remote_model: Optional[str] = None
    remote_host: Optional[str] = None
    model_info: Dict[str, Any] = field(default_factory=dict)  # what the file of the model says, by name
    projector_info: Optional[Dict[str, Any]] = None
    tensors: Optional[List[Any]] = None
    capabilities: Optional[List[Any]] = None  # such as "completion", "tools", "thinking"
    modified_at: Optional[datetime] = None  # datetime where it parses
    requires: Optional[str] = None  # the least version of the server
    thinking: Optional[ThinkingLevels] = None  # since 0.34.3

    _computed = ("modelinfo",)
    _other_names = {"model_info": "modelinfo"}
    _due = ("model_info", "details", "modelfile", "template", "parameters", "capabilities", "license", "modified_at")

    @property
    def modelinfo(self) -> Dict[str, Any]:
        """The same as ``model_info``."""
        return self.model_info


class VersionResponse(Record):
    """The server's version; a development build says 0.0.0."""

    version: Optional[str] = None  # such as "0.34.4"

    _due = ("version",)


class UserResponse(Record):
    """The ollama.com account that the server is signed in with; the URL of the picture is in ``avatarurl``."""

    id: Optional[str] = None
    email: Optional[str] = None
    name: Optional[str] = None
    bio: Optional[str] = None
    avatarurl: Optional[str] = None  # of the picture
    firstname: Optional[str] = None
    lastname: Optional[str] = None
    plan: Optional[str] = None  # such as "free"

    _due = ("id", "email", "name")


class CloudStatus(Record):
    """Whether the server was told to keep away from ollama.com; ``source`` is "none", "env", "config" or "both"."""

    disabled: Optional[bool] = None
    source: Optional[str] = None


class CloudStatusResponse(Record):
    """The status of a server's connection with ollama.com."""

    cloud: CloudStatus = field(default_factory=CloudStatus)  # disabled or not, and by what

    _strict = _due = ("cloud",)


class WebSearchResult(Record):
    """A page that was found."""

    title: Optional[str] = None
    url: Optional[str] = None
    content: Optional[str] = None

    _strict = ("content",)

    @property
    def text(self) -> str:
        """The same as ``content``, "" where it is not set."""
        return self.content or ""


class WebSearchResponse(Record):
    """The pages that were found, the best first."""

    results: List[WebSearchResult] = field(default_factory=list)  # title, url and content of each

    _strict = _due = ("results",)


class WebFetchResponse(Record):
    """A page as text, and the URLs that it links to."""

    title: Optional[str] = None
    content: Optional[str] = None  # the text of the page
    links: Optional[List[str]] = None  # URLs on the page

    _strict = _due = ("content",)

    @property
    def text(self) -> str:
        """The same as ``content``, "" where it is not set."""
        return self.content or ""
