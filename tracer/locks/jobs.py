"""Waits that are one level above condition variables: a libvirt domain admits one job at a time."""

import re

from tracer.model.stacks import Stack

JOB_FUNCTIONS = re.compile(r"(?:vir|qemu|libxl|virLXC|virCH|vz|bhyve)DomainObjBegin\w*Job")
"""Functions that wait until a domain's current job is done."""

JOB_DEPTH = 8
"""Frames of a stack in which one of them stands when the wait is the job's own."""


def waits_for_job(stack: Stack) -> bool:
    """The wait on a condition variable with this stack is for a domain's job."""
    return any(JOB_FUNCTIONS.match(frame.function or "") for frame in stack.frames[:JOB_DEPTH])
