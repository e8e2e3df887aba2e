"""Command lines for the container engines."""

from __future__ import annotations

import csv
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from local_account.runtime import argv
from local_account.runtime.argv import Capacity, Client
from local_account.runtime.model import ContainerKey, ContainerLaunch, Launch, Mount, MountKind

CLIENT = Client("/usr/bin/docker", "abc", "127.0.0.1:5000", Path("/state/engine"))
MACHINE = Capacity(cpus=2.0, gpus=0)
DIGEST = "sha256:" + "0" * 64
MAIN = ContainerLaunch("main", "db/s/r/app", DIGEST, None, None, {}, memory_bytes=1 << 30, cpu=0.5)
LAUNCH = Launch("id1", "DB.S.JOB", 0, (MAIN,), ("job", "instances.job"), Path("/state/jobs/id1"))


def create(container: ContainerLaunch = MAIN, capacity: Capacity = MACHINE, client: Client = CLIENT) -> list[str]:
    return argv.create(client, LAUNCH, container, capacity, shared=False)


def values(command: list[str], option: str) -> list[str]:
    return [after for word, after in pairwise(command) if word == option]


def mount(command: list[str]) -> list[str]:
    (found,) = values(command, "--mount")
    return next(csv.reader([found]))


def test_an_image_is_named_by_digest() -> None:
    assert create()[-1] == f"127.0.0.1:5000/db/s/r/app@{DIGEST}"
    assert argv.pull(CLIENT, MAIN)[-1] == f"127.0.0.1:5000/db/s/r/app@{DIGEST}"


def test_logins_live_in_a_folder_of_our_own() -> None:
    assert create()[:4] == ["/usr/bin/docker", "--config", "/state/engine", "create"]


def test_memory_and_swap_have_the_same_limit() -> None:
    assert values(create(), "--memory") == values(create(), "--memory-swap") == [str(1 << 30)]


def test_a_cpu_limit_above_the_machine_is_cut_to_it() -> None:
    assert values(create(), "--cpus") == ["0.5"]
    assert values(create(replace(MAIN, cpu=44.0)), "--cpus") == ["2"]


def test_labels_say_which_container_of_which_job_it_is() -> None:
    assert values(create(), "--label") == [
        "spcs.local.account=abc",
        "spcs.service=DB.S.JOB",
        "spcs.service_id=id1",
        "spcs.instance=0",
        "spcs.container=main",
    ]


def test_the_value_of_a_secret_stands_in_no_command_line() -> None:
    container = replace(MAIN, env={"A": "b"}, secret_env={"HUB_TOKEN": "hunter2"})
    assert values(create(container), "--env") == ["A=b", "HUB_TOKEN"]
    assert "hunter2" not in repr(container)


def test_without_command_and_args_the_image_decides() -> None:
    assert "--entrypoint" not in create()


def test_command_replaces_the_entrypoint_and_args_the_cmd() -> None:
    command = create(replace(MAIN, command=("python", "-m", "app"), args=("--x", "a b")))
    assert values(command, "--entrypoint") == ["python"]
    assert command[command.index(f"127.0.0.1:5000/db/s/r/app@{DIGEST}") + 1 :] == ["-m", "app", "--x", "a b"]


def test_args_alone_leave_the_entrypoint() -> None:
    command = create(replace(MAIN, args=("--x",)))
    assert "--entrypoint" not in command
    assert command[-1] == "--x"


def test_variables_keep_their_text() -> None:
    assert values(create(replace(MAIN, env={"A": "b=c d"})), "--env") == ["A=b=c d"]


def test_a_directory_with_a_comma_survives_the_mount_syntax() -> None:
    stage = Mount("out", MountKind.DIRECTORY, "/opt/out", Path('/state/a,"b'))
    assert mount(create(replace(MAIN, mounts=(stage,)))) == ["type=bind", 'source=/state/a,"b', "target=/opt/out"]


def test_the_session_mount_is_read_only() -> None:
    session = Mount(".session", MountKind.DIRECTORY, "/snowflake/session", Path("/s"), read_only=True)
    assert mount(create(replace(MAIN, mounts=(session,))))[-1] == "readonly"


def test_a_memory_volume_is_a_tmpfs_of_its_size() -> None:
    memory = Mount("shm", MountKind.MEMORY, "/dev/shm", size_bytes=1 << 20)
    found = mount(create(replace(MAIN, mounts=(memory,))))
    assert found == ["type=tmpfs", "target=/dev/shm", "tmpfs-size=1048576", "tmpfs-mode=1777"]


def test_a_memory_volume_of_two_containers_is_one_named_volume() -> None:
    memory = Mount("shm", MountKind.MEMORY, "/dev/shm", size_bytes=1 << 20, shared=True)
    both = (replace(MAIN, mounts=(memory,)), replace(MAIN, name="side", mounts=(memory,)))
    launch = replace(LAUNCH, containers=both)
    (made,) = argv.shared_volumes(CLIENT, launch)
    assert made[-1] == "spcs-id1-0-shm"
    assert "--opt=o=size=1048576,mode=1777" in made
    command = argv.create(CLIENT, launch, both[0], MACHINE, shared=True)
    assert mount(command) == ["type=volume", "source=spcs-id1-0-shm", "target=/dev/shm"]


def test_a_lone_container_has_the_names_of_the_job_on_the_network() -> None:
    assert values(create(), "--network") == ["spcs-local-abc"]
    assert values(create(), "--network-alias") == ["job", "instances.job"]


def test_containers_of_one_instance_join_the_network_of_its_pause_container() -> None:
    command = argv.create(CLIENT, LAUNCH, MAIN, MACHINE, shared=True)
    assert values(command, "--network") == [f"container:{argv.pause_name(LAUNCH)}"]
    assert values(argv.create_pause(CLIENT, LAUNCH), "--network-alias") == ["job", "instances.job"]


def test_gpus_are_asked_for_only_where_there_are_some() -> None:
    wanting = replace(MAIN, gpu=4)
    assert "--gpus" not in create(wanting)
    assert values(create(wanting, Capacity(2.0, 1)), "--gpus") == ["1"]
    assert values(create(wanting, Capacity(2.0, 8)), "--gpus") == ["4"]


def test_podman_pulls_over_plain_http_with_its_own_login_file() -> None:
    podman = replace(CLIENT, program="podman", podman=True)
    assert argv.pull(podman, MAIN)[:2] == ["podman", "pull"]
    assert "--tls-verify=false" in argv.pull(podman, MAIN)
    assert values(argv.pull(podman, MAIN), "--authfile") == ["/state/engine/auth.json"]


def test_a_container_has_one_name_for_ever() -> None:
    assert argv.container_name(LAUNCH, "main") == argv.name_of(ContainerKey("id1", 0, "main"))


def test_the_log_of_commands_hides_the_values_of_variables() -> None:
    shown = argv.joined(create(replace(MAIN, env={"PASSWORD": "secret"})))
    assert "PASSWORD=…" in shown
    assert "secret" not in shown
