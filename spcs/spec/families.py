"""The instance families of compute pools: what one node offers to the containers on it.

Figures are those of the documentation's pages for AWS, Azure and Google Cloud (mid-2026). Snowflake changes
them; `SHOW COMPUTE POOL INSTANCE FAMILIES` is the truth for an account.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Family:
    """vcpu and memory_gib are what containers may request; gpu_memory_gib is that of all the node's GPUs together."""

    name: str
    clouds: tuple[str, ...]
    vcpu: int
    memory_gib: int
    storage_gb: int = 100
    gpu_count: int = 0
    gpu_name: str = ""
    gpu_memory_gib: int = 0

    @property
    def architecture(self) -> str:
        """'arm64' or 'amd64': the platform an image must be built for."""
        return "arm64" if "_ARM_" in self.name else "amd64"


AWS, AZURE, GCP = ("aws",), ("azure",), ("gcp",)
BOTH, ALL = AWS + AZURE, AWS + AZURE + GCP

_TABLE = (
    # name, clouds, vCPU, GiB, disk GB, GPUs, GPU, GPU GiB of the node
    Family("CPU_X64_XS", ALL, 1, 6),
    Family("CPU_X64_S", ALL, 3, 13),
    Family("CPU_X64_M", ALL, 6, 28),
    Family("CPU_X64_SL", ALL, 14, 58),
    Family("CPU_X64_L", ALL, 28, 116),
    Family("HIGHMEM_X64_S", ALL, 6, 58),
    Family("HIGHMEM_X64_M", ALL, 28, 240),
    # 60 vCPU and 492 GiB on Azure: of two sizes the larger stands, so as to refuse nothing that may fit.
    Family("HIGHMEM_X64_SL", AZURE + GCP, 92, 654),
    Family("HIGHMEM_X64_L", AWS, 124, 984),
    Family("GEN_X64_G2_2", BOTH, 1, 6),
    Family("GEN_X64_G2_4", BOTH, 3, 13),
    Family("GEN_X64_G2_8", BOTH, 6, 28),
    Family("GEN_X64_G2_16", AZURE, 14, 58),
    Family("GEN_X64_G2_32", BOTH, 28, 116),
    Family("GEN_ARM_G1_2", AWS, 1, 6),
    Family("GEN_ARM_G1_4", AWS, 3, 13),
    Family("GEN_ARM_G1_8", AWS, 6, 28),
    Family("GEN_ARM_G1_16", AWS, 14, 58),
    Family("GEN_ARM_G1_32", AWS, 28, 116),
    Family("MEM_X64_G2_8", BOTH, 6, 58),
    Family("MEM_X64_G2_32", BOTH, 28, 240),
    Family("MEM_X64_G2_64", BOTH, 60, 492),
    Family("MEM_X64_G2_96", AZURE, 92, 652),
    Family("MEM_X64_G2_192", AWS, 188, 1436),
    Family("GPU_NV_S", AWS, 6, 28, 450, 1, "NVIDIA A10G", 24),
    Family("GPU_NV_M", AWS, 44, 178, 3800, 4, "NVIDIA A10G", 96),
    Family("GPU_NV_L", AWS, 92, 1112, 100, 8, "NVIDIA A100", 320),
    Family("GPU_L40S_G1_8", AWS, 6, 58, 450, 1, "NVIDIA L40S", 48),
    Family("GPU_L40S_G1_16", AWS, 14, 116, 600, 1, "NVIDIA L40S", 48),
    Family("GPU_L40S_G1_48", AWS, 44, 368, 3800, 4, "NVIDIA L40S", 192),
    Family("GPU_L40S_G1_192", AWS, 188, 1436, 3800, 8, "NVIDIA L40S", 384),
    Family("GPU_R6K_G1_8", AWS, 6, 58, 1900, 1, "NVIDIA RTX PRO 6000", 96),
    Family("GPU_R6K_G1_16", AWS, 14, 116, 1900, 1, "NVIDIA RTX PRO 6000", 96),
    Family("GPU_R6K_G1_32", AWS, 28, 240, 1900, 1, "NVIDIA RTX PRO 6000", 96),
    Family("GPU_R6K_G1_48", AWS, 44, 490, 3800, 2, "NVIDIA RTX PRO 6000", 192),
    Family("GPU_R6K_G1_96", AWS, 92, 984, 7600, 4, "NVIDIA RTX PRO 6000", 384),
    Family("GPU_R6K_G1_192", AWS, 188, 1843, 11400, 8, "NVIDIA RTX PRO 6000", 768),
    Family("GPU_NV_XS", AZURE, 3, 26, 100, 1, "NVIDIA T4", 16),
    Family("GPU_NV_SM", AZURE, 32, 424, 100, 1, "NVIDIA A10", 24),
    Family("GPU_NV_2M", AZURE, 68, 858, 100, 2, "NVIDIA A10", 48),
    Family("GPU_NV_3M", AZURE, 44, 424, 100, 2, "NVIDIA A100", 160),
    Family("GPU_NV_SL", AZURE, 92, 858, 100, 4, "NVIDIA A100", 320),
    Family("GPU_GCP_NV_L4_1_24G", GCP, 6, 28, 100, 1, "NVIDIA L4", 24),
    Family("GPU_GCP_NV_L4_4_24G", GCP, 44, 178, 100, 4, "NVIDIA L4", 96),
    Family("GPU_A100_G1_12", GCP, 10, 77, 100, 1, "NVIDIA A100", 40),
    Family("GPU_A100_G1_48", GCP, 44, 324, 100, 4, "NVIDIA A100", 160),
    Family("GPU_GCP_NV_A100_8_40G", GCP, 92, 654, 100, 8, "NVIDIA A100", 320),
)

FAMILIES: dict[str, Family] = {entry.name: entry for entry in _TABLE}


def family(name: str) -> Family | None:
    """The family of that name, in any case; None for one this table does not know."""
    return FAMILIES.get(name.upper())
