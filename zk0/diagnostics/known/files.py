"""Files that can't be read: pictures, archives, HDF5, text in another encoding; downloads that failed."""

from zk0.core.faults import Fault
from zk0.diagnostics.known import known

ROWS = (
    known(
        "picture-damaged",
        r"UnidentifiedImageError|image file is truncated|broken data stream when reading image|!_src\.empty\(\)|!ssize\.empty\(\)|jpeg::Uncompress|Invalid JPEG data",
        "a picture is missing, empty or damaged: reading it gives nothing",
        "print the path and open that file; check all before training and leave out what can't be opened",
        "",
        Fault.data_corrupt,
    ),
    known(
        "hdf5",
        r"Unable to (?:synchronously )?open (?:file|object)|unable to lock file|file signature not found|truncated file: eof",
        "an HDF5 file is missing, cut off, not HDF5, locked by another process, or lacks the name that is read",
        "h5ls FILE shows what is in it; HDF5_USE_FILE_LOCKING=FALSE where only the lock fails",
        "",
    ),
    known(
        "archive-damaged",
        r"BadZipFile|BadGzipFile|not a gzip file|ReadError: (?:not a|file could not|unexpected)|EOFError|Truncated (?:file|tar)",
        "an archive is cut off, or a page of text was downloaded in its place",
        "compare its size with the source's, delete it and download it again",
        "",
        Fault.data_corrupt,
    ),
    known(
        "encoding",
        r"UnicodeDecodeError|UnicodeEncodeError",
        "a text is not in the encoding that it is read or written with, often the platform's own instead of UTF-8",
        "pass encoding='utf-8', or set PYTHONUTF8=1; a binary file is not to be read as text",
        "",
    ),
    known(
        "download",
        r"(?:Read|Connect)Timeout|Max retries exceeded|ProxyError|IncompleteRead|ChunkedEncodingError|URLError|RemoteDisconnected|HTTPError: (?:HTTP Error )?5\d\d|50[234] (?:Server Error|Bad Gateway|Service)",
        "a download or a service did not answer: no network, a proxy, or the service is down",
        "fetch the address in the message from the same machine; download once to a folder and read it from there",
        "",
    ),
    known(
        "column-missing",
        r"KeyError: [\"']?(?:None of \[|\[)|not in index|Column(?:s)? (?:name )?\S+ not in the dataset|Usecols do not match",
        "a table lacks a column that the program reads",
        "print its columns: another separator, case or version of the data is the usual reason",
        "",
    ),
    known(
        "not-writable",
        r"File \S+ cannot be opened|PytorchStreamWriter failed|[Ff]ile write failed|unexpected pos \d+ vs|Parent directory \S+ does not exist",
        "a file can't be written: the disk or the quota is full, its folder does not exist, or it may not be written to",
        "df -h and df -i of that folder, quota, and ls -ld; save to another disk, and keep fewer checkpoints",
        "",
    ),
)
