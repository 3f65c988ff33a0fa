"""Pushes an image from its archive (`docker image save`) to a registry, for engines that do not reach the registry.

Source: https://distribution.github.io/distribution/spec/api/ ("Pushing An Image") and
https://distribution.github.io/distribution/spec/manifest-v2-2/ ("Image Manifest Version 2, Schema 2")
"""

import gzip
import hashlib
import json
import shutil
import tarfile
import tempfile
from typing import IO, Any

import requests

MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG_TYPE = "application/vnd.docker.container.image.v1+json"
LAYER_TYPE = "application/vnd.docker.image.rootfs.diff.tar"
COMPRESSED = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
"""Compressions of a layer by the first bytes."""
REQUEST_SECONDS = 300
COMPRESSION_LEVEL = 1


def push_archive(archive: IO[bytes], registry_url: str, repository: str, tag: str) -> None:
    """Push the one image of an archive under a tag; layers that are not compressed are compressed with gzip.

    Reads the layout of Docker before version 25 and the OCI layout: `manifest.json` names the files in both. Raises
    `requests.RequestException` where the registry does not answer or refuses, `ValueError` for another archive.
    """
    archive.seek(0)
    with tarfile.open(fileobj=archive) as files, requests.Session() as session:
        session.trust_env = False  # no proxy, no credentials of another registry: it is on loopback
        url = f"{registry_url}/v2/{repository}"
        image = _image(files)
        config = _send(session, url, _member(files, image["Config"]), CONFIG_TYPE)
        layers = [_send_layer(session, url, _member(files, name)) for name in image["Layers"]]
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST_TYPE, "config": config, "layers": layers}
        headers = {"Content-Type": MANIFEST_TYPE}
        _checked(session.put(f"{url}/manifests/{tag}", json.dumps(manifest), headers=headers, timeout=REQUEST_SECONDS))


def _image(files: tarfile.TarFile) -> dict[str, Any]:
    images = json.load(_member(files, "manifest.json"))
    if len(images) != 1:
        raise ValueError(f"the archive has {len(images)} images: give one with a single image")
    return dict(images[0])


def _member(files: tarfile.TarFile, name: str) -> IO[bytes]:
    try:
        found = files.extractfile(name)
    except KeyError:
        found = None
    if found is None:
        raise ValueError(f"the archive has no file {name!r}: it was not written by `docker image save`")
    return found


def _send_layer(session: requests.Session, url: str, layer: IO[bytes]) -> dict[str, Any]:
    start = layer.read(4)
    layer.seek(0)
    compression = next((name for first, name in COMPRESSED.items() if start.startswith(first)), None)
    if compression is not None:
        return _send(session, url, layer, f"{LAYER_TYPE}.{compression}")
    with tempfile.TemporaryFile() as compressed:
        # No name and time in the header: the same layer is the same blob, which the registry may have.
        with gzip.GzipFile("", "wb", COMPRESSION_LEVEL, compressed, mtime=0) as out:
            shutil.copyfileobj(layer, out)
        return _send(session, url, compressed, f"{LAYER_TYPE}.gzip")


def _send(session: requests.Session, url: str, blob: IO[bytes], media_type: str) -> dict[str, Any]:
    """Upload a blob unless the repository has it; returns its descriptor."""
    blob.seek(0)
    digest = f"sha256:{hashlib.file_digest(blob, 'sha256').hexdigest()}"  # type: ignore[arg-type]
    size = blob.tell()
    if session.head(f"{url}/blobs/{digest}", timeout=REQUEST_SECONDS).status_code != requests.codes.ok:
        started = _checked(session.post(f"{url}/blobs/uploads/", timeout=REQUEST_SECONDS))
        location = requests.compat.urljoin(url, started.headers["Location"])
        blob.seek(0)
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
        _checked(session.put(location, blob, params={"digest": digest}, headers=headers, timeout=REQUEST_SECONDS))
    return {"mediaType": media_type, "size": size, "digest": digest}


def _checked(response: requests.Response) -> requests.Response:
    """The response; raises `requests.HTTPError` with the registry's own words for a refusal."""
    if not response.ok:
        raise requests.HTTPError(f"{response.request.method} {response.url}: {response.status_code} {response.text}")
    return response
