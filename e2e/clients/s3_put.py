"""Puts the files of a folder into a bucket, which it makes.

Arguments: host:port, access key, secret key, bucket, folder.
"""

import sys
from pathlib import Path

from minio import Minio

endpoint, access_key, secret_key, bucket, folder = sys.argv[1:]
client = Minio(endpoint=endpoint, access_key=access_key, secret_key=secret_key, secure=False, region="us-east-1")
client.make_bucket(bucket_name=bucket)
for path in sorted(Path(folder).rglob("*")):
    if path.is_file():
        client.fput_object(bucket, str(path.relative_to(folder)), str(path))
