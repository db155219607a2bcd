"""Publish a checkpoint with its card on the Hugging Face Hub, and read it back.

Nothing counts as published because the upload did not fail: every file is fetched again at the commit that was made,
and its SHA-256 is compared with what was sent.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from zk0.core.errors import PublishingError
from zk0.core.receipts import file_digest

CARD = "README.md"


@dataclass(frozen=True)
class Published:
    """A commit on the hub: the SHA-256 of each file that was sent and that came back, and what else is there."""

    url: str
    commit: str
    sent: dict[str, str]
    read_back: dict[str, str]
    others: list[str]


def publish(
    repository: str, checkpoint: Path, card: Path, *, token: str, private: bool, endpoint: str = ""
) -> Published:
    """Make the repository if there is none, commit the checkpoint and the card in one commit, and read it back.

    `endpoint` is the hub's address; by default the one that huggingface_hub uses.

    Raises:
        PublishingError: the hub can't be reached, or refuses.
    """
    from huggingface_hub import CommitOperationAdd, HfApi, hf_hub_download

    files = {path.relative_to(checkpoint).as_posix(): path for path in sorted(checkpoint.rglob("*")) if path.is_file()}
    files[CARD] = card
    place = endpoint or default_endpoint()
    api = HfApi(endpoint=place, token=token)
    with _explained(repository):
        api.create_repo(repository, private=private, exist_ok=True)
        operations = [CommitOperationAdd(name, path) for name, path in files.items()]
        made = api.create_commit(repository, operations, commit_message="Publish a policy trained with zk0")
        with TemporaryDirectory() as folder:
            came = {
                name: file_digest(
                    Path(
                        hf_hub_download(
                            repository,
                            name,
                            revision=made.oid,
                            local_dir=folder,
                            token=token,
                            endpoint=place,
                        )
                    )
                )
                for name in files
            }
        there = api.list_repo_files(repository, revision=made.oid)
    return Published(
        url=f"{place}/{repository}",
        commit=made.oid,
        sent={name: file_digest(path) for name, path in files.items()},
        read_back=came,
        others=sorted(set(there) - set(files) - {".gitattributes"}),
    )


def default_endpoint() -> str:
    """Return the hub's address: huggingface.co, or HF_ENDPOINT."""
    from huggingface_hub.constants import ENDPOINT

    return str(ENDPOINT)


@contextmanager
def _explained(repository: str) -> Iterator[None]:
    """Turn the errors of the hub's client into ours."""
    import httpx
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled

    try:
        yield
    except HFValidationError as error:
        raise PublishingError(f"{repository!r} is no name on the hub: {error}", remedy="give OWNER/NAME") from error
    except OfflineModeIsEnabled as error:
        raise PublishingError(
            "HF_HUB_OFFLINE is set, so nothing is published", remedy="unset HF_HUB_OFFLINE"
        ) from error
    except HfHubHTTPError as error:
        line = str(error).strip().splitlines()[0]
        raise PublishingError(
            f"the hub refuses {repository}: {line}", remedy="check the owner, and that HF_TOKEN may write there"
        ) from error
    except (httpx.HTTPError, OSError) as error:
        raise PublishingError(f"the hub can't be reached: {error}", remedy="try again with a network") from error
