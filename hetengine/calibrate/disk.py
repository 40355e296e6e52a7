"""Measured rates of the disk, put where a simulated run reads them: links to stores, and tiers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from hetengine.config import LinkConfig, TierConfig, TopologyConfig

READ, WRITE = "disk.read_bytes_per_second", "disk.write_bytes_per_second"
"""Keys of what `hetengine.calibrate.micro.disk` measures."""


def with_disk_rates(
    topology: TopologyConfig,
    links: Mapping[str, LinkConfig],
    rates: Mapping[str, float],
    today: str,
) -> dict[str, LinkConfig]:
    """Return the links, those to a storage device with the rates of this machine's disk.

    Parameters
    ----------
    topology : TopologyConfig
        Says which devices are storage.
    links : mapping of str to LinkConfig
        What has been measured so far.
    rates : mapping of str to float
        Bytes per second, under `READ` and `WRITE`.
    today : str
        Date, for the source.
    """
    disks = [name for name, device in topology.devices.items() if device.role == "storage"]
    return {
        name: _link(link, rates, today, reads_up=link.ends[0] in disks)
        if not set(disks).isdisjoint(link.ends)
        else link
        for name, link in links.items()
    }


def on_disk(tier: TierConfig, rates: Mapping[str, float], today: str) -> TierConfig:
    """Return a tier, with the rates of this machine's disk if it lies on one.

    Parameters
    ----------
    tier : TierConfig
        Of any medium.
    rates : mapping of str to float
        Bytes per second, under `READ` and `WRITE`.
    today : str
        Date, for the source.
    """
    if tier.medium != "disk":
        return tier
    return replace(
        tier,
        bytes_per_second=rates[READ],
        write_bytes_per_second=rates[WRITE],
        source=_source(today),
        kind="measured",
    )


def _link(
    link: LinkConfig, rates: Mapping[str, float], today: str, *, reads_up: bool
) -> LinkConfig:
    up, down = (READ, WRITE) if reads_up else (WRITE, READ)
    return replace(
        link,
        up_bytes_per_second=rates[up],
        down_bytes_per_second=rates[down],
        source=_source(today),
        kind="measured",
    )


def _source(today: str) -> str:
    return f"hetengine calibrate, {today}: the disk of the folder for temporary files"
