"""What containers and their logs say when a run fails or waits, what it means, and what mends it.

`docs/troubleshooting.md` shows these catalogues to users. In each the first entry that fits counts; a text that none
knows has no remedy, which is better than a wrong one. Names to be filled in: the `job`, its `run` and the `pool`.
"""

from __future__ import annotations

from collections.abc import Sequence

from spcs.account import pools
from spcs.errors import Known, Meaning, knows, meaning
from spcs.run.tracebacks import Part, Traceback

BUILD_AGAIN = "then inv build push run --job {job}"
LOCK_AGAIN = "then inv lock build push run --job {job}"
NO_IMAGE = "the image that the specification names is not in the repository, or the role may not read it"
PUSH_AGAIN = "inv build push run --job {job}; if it stays so, inv doctor --job {job} checks image and grants"
OTHER_PROCESSOR = "the image was built for another kind of processor than the machines of {pool} have"
REBUILD = "inv build push run --job {job} (inv doctor compares the processors)"
PEERS = "read what the other processes said: inv logs --run {run}"

#: What SHOW SERVICE CONTAINERS says of an image that cannot be had or run. To wait for it is in vain.
IMAGE = (
    Known(("SPCS only supports image for … architecture",), OTHER_PROCESSOR, REBUILD),
    Known(
        ("Provided image name uses an invalid format", "invalid image", "invalid format"),
        "the specification names no image as Snowflake writes it: /db/schema/repository/name:tag",
        "correct image: in the template of jobs.{job}; inv render --job {job} shows what it makes",
    ),
    Known(
        (
            "Failed to pull image",
            "Failed to retrieve image",
            "manifest unknown",
            "image … not found",
            "image … does not exist",
        ),
        NO_IMAGE,
        PUSH_AGAIN,
    ),
)

#: What it says of a container, beyond the usual. One that waits may still get over it.
CONTAINER = (
    Known(
        ("Container was OOMKilled due to resource usage",),
        "the container ran out of memory and was killed",
        "raise jobs.{job}.resources.limits.memory in invoke.yaml (shm counts as memory), or lower the batch size",
    ),
    Known(("exec format error",), OTHER_PROCESSOR, REBUILD),
    Known(("Back-off pulling image",), NO_IMAGE, PUSH_AGAIN),
    Known(
        (
            "Encountered fatal error while starting container",
            "executable file not found",
            "exec: … no such file or directory",
        ),
        "the container's program could not be started",
        "correct jobs.{job}.command in invoke.yaml, or whatever else the message names",
    ),
)

#: What a container says while the run waits for a machine. Nothing here ends the wait.
WAITING = (
    Known(
        ("Unschedulable due to insufficient resources",),
        "no machine of {pool} has room: other jobs hold them, or the job asks for more than one has",
        "DESCRIBE COMPUTE POOL {pool} tells what it waits for; inv doctor --job {job} does the arithmetic",
    ),
    Known(
        ("Compute pool node(s) are being provisioned",),
        "a machine of {pool} is being started, which takes minutes",
        "wait; if it stays so, DESCRIBE COMPUTE POOL {pool} tells of a lack of machines",
    ),
    Known(
        ("Readiness probe is failing at path: {path}, port: {port}",),
        "the program does not answer yet at port {port}",
        "wait, or correct readinessProbe in the template of jobs.{job}",
    ),
)

#: What a program's log says: the words of its exception, or its last lines where there is none.
LOG = (
    # Memory of the GPU, of /dev/shm, of the machine.
    Known(
        ("CUDA out of memory. Tried to allocate …", "CUDA error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED"),
        "the memory of the GPU is full",
        "lower the batch size (app/: --accumulate 2 cuts it in two), or name a compute_pool with larger GPUs; where "
        "much is reserved but unallocated, set PYTORCH_CUDA_ALLOC_CONF: expandable_segments:True in jobs.{job}.env",
    ),
    Known(
        (
            "DataLoader worker (pid …) is killed by signal: Bus error",
            "This might be caused by insufficient shared memory (shm)",
            "unable to write to file </torch_…>",
            "Error while creating shared memory segment …",
        ),
        "/dev/shm, where the processes of a machine pass each other data, is full",
        "set jobs.{job}.shm in invoke.yaml, such as 4Gi (it counts as memory), or use fewer DataLoader workers",
    ),
    Known(
        (
            "DataLoader worker (pid …) is killed by signal: Killed",
            "DefaultCPUAllocator: can't allocate memory: you tried to allocate …",
            "Unable to allocate … for an array with shape",
            "MemoryError",
            "Signal 9 (SIGKILL) received by PID …",
        ),
        "the memory of the container is full",
        "raise jobs.{job}.resources.limits.memory in invoke.yaml, use fewer DataLoader workers, or read less at once",
    ),
    # What the image lacks.
    Known(
        (
            "cannot import name '{name}' from partially initialized module '{module}'",
            "partially initialized module '{module}' has no attribute '{name}'",
        ),
        "{module} is asked for {name} while it is itself being imported: a circle, or a file of yours has its name",
        f"rename the file {{module}}.py if it is yours, or break the circle, {BUILD_AGAIN}",
    ),
    Known(
        ("No module named '{module}'",),
        "the image has no Python module {module}",
        "add its package with a version to pins in invoke.yaml, or your own file or folder to jobs.{job}.code, "
        f"{LOCK_AGAIN}",
    ),
    Known(
        ("cannot import name '{name}' from '{module}'",),
        "the {module} in the image has no {name}: it is of another version than the program was written for",
        f"pin the version of {{module}} that the program was written for, {LOCK_AGAIN}",
    ),
    Known(
        ("{library}: cannot open shared object file: No such file or directory",),
        "the image lacks the system library {library}",
        f"add the Debian package that holds it to image.apt in invoke.yaml (libgl1 holds libGL.so.1), {BUILD_AGAIN}",
    ),
    Known(
        ("can't open file '{file}': [Errno 2] No such file or directory",),
        "the image has no file {file}",
        f"add it to jobs.{{job}}.code in invoke.yaml, {BUILD_AGAIN}",
    ),
    Known(
        ("exec format error", "invalid ELF header", "wrong ELF class: …", "cannot execute binary file"),
        "a program or library in the image was made for another kind of processor",
        "leave what this machine built out of jobs.{job}.code and pin its package instead, "
        f"{LOCK_AGAIN}; inv doctor compares the processors",
    ),
    Known(
        ("version `GLIBC_{version}' not found",),
        "a library in the image was built for a newer Linux than the image's base, which has no glibc {version}",
        "name a newer image.base in invoke.yaml, or leave what this machine built out of jobs.{job}.code, "
        f"{BUILD_AGAIN}",
    ),
    Known(
        ("A module that was compiled using NumPy 1.x cannot be run in", "Numpy is not available"),
        "this torch was built for NumPy 1, and the image has NumPy 2",
        f'add numpy: "1.26.4" to the pins of jobs.{{job}} in invoke.yaml, {LOCK_AGAIN}',
    ),
    # The GPU.
    Known(
        ("Torch not compiled with CUDA enabled",),
        "the image has the torch that knows CPUs only",
        f"name a GPU instance_family in jobs.{{job}}.compute_pool (images take their torch by it), {LOCK_AGAIN}",
    ),
    Known(
        ("No CUDA GPUs are available", "RuntimeError: Found no NVIDIA driver on your system"),
        "the container was given no GPU",
        "set gpu: 1 in both requests and limits of jobs.{job}.resources, and a GPU instance_family in its compute_pool",
    ),
    Known(
        ("no kernel image is available for execution on the device",),
        "this torch was not built for that kind of GPU",
        f"pin another version of torch, {LOCK_AGAIN}",
    ),
    Known(
        ("RuntimeError: The NVIDIA driver on your system is too old (found version {version})",),
        "the machine's driver, {version}, is older than this torch asks for",
        f"pin an older torch, or take image.indexes.gpu of an older CUDA, {LOCK_AGAIN}",
    ),
    Known(
        ("device-side assert triggered",),
        "a value is out of range on the GPU, most often a label that is not below the number of classes",
        'run it once with CUDA_LAUNCH_BLOCKING: "1" in jobs.{job}.env, or on the CPU: its traceback names the line',
    ),
    # Snowflake and the way out.
    Known(
        ("OAuth access token expired",),
        "the token of the container was read too long ago",
        "read /snowflake/session/token anew for every connection",
    ),
    Known(
        ("Authentication token has expired. The user must authenticate again", "Session no longer exists"),
        "a session of Snowflake was idle for hours, and has ended",
        "connect anew before each piece of work, with the token of /snowflake/session/token as it is then",
    ),
    Known(
        ("Could not connect to Snowflake backend",),
        "the program did not take the container's own way to Snowflake",
        "pass host and account from SNOWFLAKE_HOST and SNOWFLAKE_ACCOUNT, authenticator 'oauth' and the token, and set "
        "neither variable in jobs.{job}.env",
    ),
    Known(
        (
            "The IPv6 network addresses of ({host}, {port}) cannot be retrieved",
            "failed to connect to any network address of ({host}, {port})",
            "The client socket has timed out after … while trying to connect to ({host}, {port})",
        ),
        "nobody was there at {host}:{port}, where the replicas meet",
        "give torchrun the address of replica 0, not its name (docs/many_processes.md), and see that it runs: "
        "inv status --run {run}",
    ),
    Known(
        (
            "Failed to resolve '{host}'",
            "Could not resolve host: {host}",
            "We couldn't connect to '{host}' to load",
            "HTTPSConnectionPool(host='{host}', port=…): Max retries exceeded",
        ),
        "the container does not reach {host}: a job reaches nothing outside Snowflake unless an integration lets it",
        "name {host} in jobs.{job}.network, then inv setup --job {job}, or bring what it loads along in the image or "
        "on the stage",
    ),
    Known(
        ("Temporary failure in name resolution", "Name or service not known", "Network is unreachable"),
        "the container does not reach a host: a job reaches nothing outside Snowflake unless an integration lets it",
        "name that host in jobs.{job}.network, then inv setup --job {job}, or bring what it loads along in the image "
        "or on the stage",
    ),
    # Many processes.
    Known(
        ("Watchdog caught collective operation timeout: WorkNCCL(…OpType={operation}, …",),
        "the processes waited for one that never came to the same {operation}",
        f"{PEERS}: most often one has fewer batches, works alone, or failed before",
    ),
    Known(
        ("Timed out after … seconds waiting for clients. {there} clients joined",),
        "the replicas did not meet: {there} came",
        "inv status --run {run} says which did not start; the template must declare the port they meet at",
    ),
    Known(
        (
            "ncclRemoteError",
            "Net : Connection closed by remote peer",
            "gloo/transport/tcp/… Connection closed by peer",
            "gloo/transport/tcp/… Connection reset by peer",
            "Connection was likely closed. Did the remote server shutdown or crash?",
        ),
        "the process lost another one, which had ended before",
        PEERS,
    ),
    # Files.
    Known(
        ("No space left on device",),
        "a folder of the container is full",
        "write large files to $MOUNT_PATH; /dev/shm and memory volumes hold what shm and their size say, the rest the "
        "machine's disk",
    ),
    Known(
        ("PytorchStreamWriter failed writing file", "unexpected pos …"),
        "the file could not be written whole: the disk is full, or a stage volume does not take how torch.save writes",
        "save to a folder of the container first, then copy the file whole to $MOUNT_PATH (shutil.copyfile)",
    ),
    Known(
        ("Read-only file system: '{path}'",),
        "{path} cannot be written: the role may only read that stage, or the volume is an earlier run's output",
        "write to $MOUNT_PATH, or GRANT WRITE on the stage to the role",
    ),
    Known(
        ("Permission denied: '{path}'",),
        "the job's user (1000) may not write or read {path}",
        "write to $MOUNT_PATH or to $HOME; a stage volume of your own template needs uid: 1000 and gid: 1000",
    ),
)


def of_failure(message: str, traceback: Traceback | None, last: Sequence[str], **names: str) -> Meaning | None:
    """Say what a failed container's message, else its exception, else its last lines mean.

    Where an exception tells the cause, the rest of the log is not looked at: a warning there may be of something else.
    """
    ending = ["\n".join(last)] if traceback is None or traceback.part is not Part.CAUSE else []
    texts = [*ending, *(traceback.errors if traceback else ())]
    found = (meaning(LOG, text, **names) for text in texts)
    return _of_container(message, **names) or next((each for each in found if each), None)


def of_wait(message: str, **names: str) -> Meaning | None:
    """Say what the message of a container that waits, or of its pool, means."""
    return _of_container(message, **names) or meaning(WAITING, message, **names)


def is_hopeless(message: str) -> bool:
    """Tell whether a container that waits and says so waits in vain."""
    return knows(IMAGE, message)


def _of_container(message: str, **names: str) -> Meaning | None:
    return meaning((*IMAGE, *CONTAINER, *pools.POOL), message, more="<number>", **names)
