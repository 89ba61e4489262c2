"""
Analyse a folder on a dask cluster
==================================

A folder of recordings becomes a folder of results. With the address of a dask scheduler, its
workers share the recordings; here they are threads of this process, on a real cluster they are
machines that see the same files.
"""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from distributed import LocalCluster

import napari_uai as uai

with (
    TemporaryDirectory() as name,
    LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None
    ) as cluster,
):
    (day := Path(name, "day")).mkdir()
    for copy in ("one", "two"):
        for suffix in (".bin", ".json"):
            shutil.copy(uai.sample_path(f"landings{suffix}"), day / f"{copy}{suffix}")
    outcomes = uai.analyse_folder(day, Path(name, "results"), scheduler=cluster.scheduler_address)
    for outcome in outcomes:
        print(outcome.source.name, outcome.n_landings, "landings")
