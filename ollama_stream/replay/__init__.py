# SPDX-License-Identifier: MIT
"""Exchange files played back: over a socket, in the process, with faults laid over them, or made by a proxy.

The face of the folder: others import from here.

    server      serve(), ReplayServer: recorded exchanges on a real socket; player: one client; report: what was asked
    transports  Replaying, Recording: for Client(transport=...), without a socket
    proxy       record(): a proxy that records what passes; relay: a client's way to the server behind it
    faults      the list of faults; aim: where they strike; overlay: an exchange with its faults -> actions in time
"""

from __future__ import annotations

from .faults import FAULT_HELP, Fault, FaultSpec, fault
from .proxy import RecordingProxy, record
from .server import ReplayServer, serve
from .transports import Recording, Replaying

__all__ = [
    "FAULT_HELP", "Fault", "FaultSpec", "Recording", "RecordingProxy", "Replaying", "ReplayServer", "fault", "record",
    "serve",
]  # fmt: skip
