"""The S3 gateway, by boto3. Everything lies in the bucket of the repository; the first part of a key is the ref."""

import hashlib
import os

import pytest
import skep
from botocore.exceptions import ClientError

BUCKET = skep.REPOSITORY
MIB = 1 << 20


@pytest.fixture(scope="module")
def s3():
    return skep.s3()


@pytest.fixture
def folder(name):
    """Returns a prefix of `main` that holds nothing yet."""
    return f"main/{name}/"


def put(s3, key, body=b"x", **more):
    return s3.put_object(Bucket=BUCKET, Key=key, Body=body, **more)


def get(s3, key, **more):
    return s3.get_object(Bucket=BUCKET, Key=key, **more)["Body"].read()


def fails(status, code, call, **arguments):
    """Calls, and expects S3's error of this status and code."""
    with pytest.raises(ClientError) as told:
        call(Bucket=BUCKET, **arguments)
    response = told.value.response
    assert (response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]) == (status, code)


def keys(answer):
    return [o["Key"] for o in answer.get("Contents", [])], [p["Prefix"] for p in answer.get("CommonPrefixes", [])]


# ---------------------------------------------------------------- one object


@pytest.mark.parametrize("key", ["plain", "a b", "a+b", "a%20b", "dt=2026-01-01/x", "ünï/çödé", "a'b\"c", "a//b", "~!*()", "k" * 800])
def test_keys_of_all_kinds(s3, folder, key):
    put(s3, folder + key, b"hello")
    assert get(s3, folder + key) == b"hello"
    assert keys(s3.list_objects_v2(Bucket=BUCKET, Prefix=folder))[0] == [folder + key]
    s3.delete_object(Bucket=BUCKET, Key=folder + key)
    fails(404, "NoSuchKey", s3.get_object, Key=folder + key)


def test_put_get_head(s3, folder):
    body = os.urandom(3 * MIB + 17)
    tag = put(s3, folder + "x", body, ContentType="application/x-thing", Metadata={"made-by": "a test"})["ETag"]
    assert tag == f'"{hashlib.md5(body).hexdigest()}"'
    head = s3.head_object(Bucket=BUCKET, Key=folder + "x")
    assert (head["ContentLength"], head["ETag"]) == (len(body), tag)
    assert get(s3, folder + "x") == body
    put(s3, folder + "x", b"")
    assert get(s3, folder + "x") == b""
    s3.delete_object(Bucket=BUCKET, Key=folder + "x")
    s3.delete_object(Bucket=BUCKET, Key=folder + "x")  # to delete what is not there is no error
    fails(404, "404", s3.head_object, Key=folder + "x")


@pytest.mark.parametrize("asked, first, end", [
    ("bytes=0-0", 0, 1), ("bytes=5-9", 5, 10), ("bytes=999990-", 999_990, 1_000_000), ("bytes=-7", 999_993, 1_000_000),
    ("bytes=999999-2000000", 999_999, 1_000_000), ("bytes=-2000000", 0, 1_000_000),
])
def test_ranges(s3, folder, asked, first, end):
    body = os.urandom(1_000_000)
    put(s3, folder + "x", body)
    answer = s3.get_object(Bucket=BUCKET, Key=folder + "x", Range=asked)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert answer["ContentRange"] == f"bytes {first}-{end - 1}/1000000"
    assert answer["Body"].read() == body[first:end]


def test_a_range_behind_the_end(s3, folder):
    put(s3, folder + "x", b"short")
    fails(416, "InvalidRange", s3.get_object, Key=folder + "x", Range="bytes=5-9")


def test_conditions(s3, folder):
    key = folder + "x"
    first = put(s3, key, b"1", IfNoneMatch="*")["ETag"]
    fails(412, "PreconditionFailed", s3.put_object, Key=key, Body=b"2", IfNoneMatch="*")
    fails(412, "PreconditionFailed", s3.put_object, Key=key, Body=b"2", IfMatch='"00000000000000000000000000000000"')
    assert get(s3, key) == b"1"
    second = put(s3, key, b"2", IfMatch=first)["ETag"]
    fails(412, "PreconditionFailed", s3.get_object, Key=key, IfMatch=first)
    fails(304, "304", s3.get_object, Key=key, IfNoneMatch=second)
    assert get(s3, key, IfMatch=second) == b"2"


# ---------------------------------------------------------------- several


def test_copy(s3, folder):
    body = os.urandom(100_000)
    put(s3, folder + "from it", body)
    s3.copy_object(Bucket=BUCKET, Key=folder + "to", CopySource={"Bucket": BUCKET, "Key": folder + "from it"})
    put(s3, folder + "from it", b"changed")
    assert get(s3, folder + "to") == body
    fails(404, "NoSuchKey", s3.copy_object, Key=folder + "to", CopySource={"Bucket": BUCKET, "Key": folder + "nothing"})


def parts_of(s3, key, bodies):
    """Uploads the parts of a new multipart upload, and returns its id and what completes it."""
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]
    parts = []
    for number, body in enumerate(bodies, 1):
        tag = s3.upload_part(Bucket=BUCKET, Key=key, UploadId=upload, PartNumber=number, Body=body)["ETag"]
        parts.append({"PartNumber": number, "ETag": tag})
    return upload, {"Parts": parts}


def test_multipart(s3, folder):
    key, bodies = folder + "x", [os.urandom(5 * MIB), os.urandom(5 * MIB), b"the end"]
    upload, parts = parts_of(s3, key, bodies)
    fails(404, "NoSuchKey", s3.get_object, Key=key)
    listed = s3.list_parts(Bucket=BUCKET, Key=key, UploadId=upload)["Parts"]
    assert [(p["PartNumber"], p["Size"]) for p in listed] == [(1, 5 * MIB), (2, 5 * MIB), (3, 7)]
    assert upload in [u["UploadId"] for u in s3.list_multipart_uploads(Bucket=BUCKET, Prefix=folder).get("Uploads", [])]
    tag = s3.complete_multipart_upload(Bucket=BUCKET, Key=key, UploadId=upload, MultipartUpload=parts)["ETag"]
    assert tag.endswith('-3"')
    assert get(s3, key) == b"".join(bodies)
    assert get(s3, key, Range=f"bytes={5 * MIB - 2}-{5 * MIB + 1}") == bodies[0][-2:] + bodies[1][:2]


def test_multipart_goes_wrong(s3, folder):
    key = folder + "x"
    upload, parts = parts_of(s3, key, [b"small", b"small too"])
    done = {"Key": key, "UploadId": upload}
    fails(400, "EntityTooSmall", s3.complete_multipart_upload, **done, MultipartUpload=parts)
    wrong = {"Parts": [{"PartNumber": 1, "ETag": '"00000000000000000000000000000000"'}]}
    fails(400, "InvalidPart", s3.complete_multipart_upload, **done, MultipartUpload=wrong)
    s3.abort_multipart_upload(Bucket=BUCKET, **done)
    fails(404, "NoSuchUpload", s3.upload_part, **done, PartNumber=1, Body=b"late")
    fails(404, "NoSuchKey", s3.get_object, Key=key)


def test_multipart_by_copy(s3, folder):
    body = os.urandom(6 * MIB)
    put(s3, folder + "from", body)
    source, key = {"Bucket": BUCKET, "Key": folder + "from"}, folder + "to"
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]
    part = {"Bucket": BUCKET, "Key": key, "UploadId": upload, "CopySource": source}
    tags = [s3.upload_part_copy(**part, PartNumber=n, CopySourceRange=r)["CopyPartResult"]["ETag"]
            for n, r in ((1, f"bytes=0-{5 * MIB - 1}"), (2, f"bytes={5 * MIB}-{6 * MIB - 1}"))]
    parts = {"Parts": [{"PartNumber": n, "ETag": tag} for n, tag in enumerate(tags, 1)]}
    s3.complete_multipart_upload(Bucket=BUCKET, Key=key, UploadId=upload, MultipartUpload=parts)
    assert get(s3, key) == body


def test_delete_many(s3, folder):
    names = [f"{folder}{n:04}" for n in range(1000)]
    for name in names[::10]:
        put(s3, name)
    answer = s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": name} for name in names]})
    assert sorted(o["Key"] for o in answer["Deleted"]) == names
    assert s3.list_objects_v2(Bucket=BUCKET, Prefix=folder)["KeyCount"] == 0


# ---------------------------------------------------------------- lists


@pytest.fixture(scope="module")
def tree(s3):
    """Puts a few folders, once, and returns their prefix."""
    prefix = "main/tree/"
    for key in ["a", "b/", "b/1", "b/2", "b/c/3", "b0", "d=1/x", "d=1/y", "d=2/x", "e e/x"]:
        put(s3, prefix + key)
    return prefix


ALL = ["a", "b/", "b/1", "b/2", "b/c/3", "b0", "d=1/x", "d=1/y", "d=2/x", "e e/x"]


@pytest.mark.parametrize("asked, expected, folders", [
    ({}, ALL, []),
    ({"Delimiter": "/"}, ["a", "b0"], ["b/", "d=1/", "d=2/", "e e/"]),
    ({"Prefix": "b/", "Delimiter": "/"}, ["b/", "b/1", "b/2"], ["b/c/"]),
    ({"Prefix": "b", "Delimiter": "/"}, ["b0"], ["b/"]),
    ({"Prefix": "d="}, ALL[6:9], []),
    ({"Prefix": "d", "Delimiter": "="}, [], ["d="]),
    ({"Prefix": "nothing/"}, [], []),
])
@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("page", [1000, 3, 1])
def test_lists(s3, tree, asked, expected, folders, version, page):
    paginator = s3.get_paginator("list_objects_v2" if version == 2 else "list_objects")
    asked = {**asked, "Prefix": tree + asked.get("Prefix", "")}
    found, found_folders = [], []
    for answer in paginator.paginate(Bucket=BUCKET, PaginationConfig={"PageSize": page}, **asked):
        objects, prefixes = keys(answer)
        assert len(objects) + len(prefixes) <= page
        found += objects
        found_folders += prefixes
    assert [k.removeprefix(tree) for k in found] == expected
    assert [p.removeprefix(tree) for p in found_folders] == folders


def test_start_after(s3, tree):
    answer = s3.list_objects_v2(Bucket=BUCKET, Prefix=tree, StartAfter=tree + "b0")
    assert [k.removeprefix(tree) for k in keys(answer)[0]] == ALL[6:]


# ---------------------------------------------------------------- who may


@pytest.mark.parametrize("key, secret, code", [
    ("skep", "wrong", "SignatureDoesNotMatch"),
    ("nobody", "skep-secret", "InvalidAccessKeyId"),
])
def test_wrong_credentials(folder, key, secret, code):
    stranger = skep.s3(key, secret)
    fails(403, code, stranger.put_object, Key=folder + "x", Body=b"x")
    fails(403, code, stranger.list_objects_v2)


def test_no_credentials(folder):
    import urllib.error
    import urllib.request

    for method in ("GET", "PUT"):
        with pytest.raises(urllib.error.HTTPError) as told:
            urllib.request.urlopen(urllib.request.Request(f"{skep.S3}/{BUCKET}/{folder}x", method=method))
        assert told.value.code == 403


def test_signed_addresses(s3, folder):
    import urllib.request

    put(s3, folder + "x", b"hello")
    address = s3.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": folder + "x"}, ExpiresIn=60)
    assert urllib.request.urlopen(address).read() == b"hello"


def test_buckets(s3):
    assert BUCKET in [b["Name"] for b in s3.list_buckets()["Buckets"]]
    s3.head_bucket(Bucket=BUCKET)
    with pytest.raises(ClientError) as told:
        s3.list_objects_v2(Bucket="no-such-bucket")
    assert told.value.response["Error"]["Code"] == "NoSuchBucket"


# ---------------------------------------------------------------- refs


def test_a_branch_has_files_of_its_own(s3, folder, name):
    put(s3, folder + "x", b"main's")
    skep.run("branch", "create", f"b-{name}", "--from", "main")
    there = folder.replace("main/", f"b-{name}/", 1)
    assert get(s3, there + "x") == b"main's"
    put(s3, there + "x", b"the branch's")
    s3.delete_object(Bucket=BUCKET, Key=folder + "x")
    assert get(s3, there + "x") == b"the branch's"
    s3.copy_object(Bucket=BUCKET, Key=folder + "y", CopySource={"Bucket": BUCKET, "Key": there + "x"})
    assert get(s3, folder + "y") == b"the branch's"
    skep.run("branch", "delete", f"b-{name}")
    fails(404, "NoSuchKey", s3.get_object, Key=there + "x")


def test_a_protected_branch_refuses_direct_writes(s3, folder, name):
    put(s3, folder + "x", b"then")
    skep.run("branch", "create", f"b-{name}", "--from", "main")
    skep.run("branch", "protect", f"b-{name}")
    there = folder.replace("main/", f"b-{name}/", 1)
    fails(403, "AccessDenied", s3.put_object, Key=there + "x", Body=b"never")
    fails(403, "AccessDenied", s3.delete_object, Key=there + "x")
    assert get(s3, there + "x") == b"then"
    skep.run("branch", "unprotect", f"b-{name}")
    put(s3, there + "x", b"now")
    skep.run("branch", "delete", f"b-{name}")


def test_tags_and_commits_are_read_only(s3, folder, name):
    put(s3, folder + "x", b"then")
    commit = skep.answer("commit", "main", "-m", "one file")["id"]
    skep.run("tag", "create", f"v-{name}", "--at", "main")
    put(s3, folder + "x", b"now")
    for ref in (f"v-{name}", commit, commit[:12]):
        there = folder.replace("main/", f"{ref}/", 1)
        assert get(s3, there + "x") == b"then"
        assert keys(s3.list_objects_v2(Bucket=BUCKET, Prefix=there))[0] == [there + "x"]
        fails(403, "AccessDenied", s3.put_object, Key=there + "x", Body=b"never")
        fails(403, "AccessDenied", s3.put_object, Key=there + "new", Body=b"never")
        fails(403, "AccessDenied", s3.delete_object, Key=there + "x")
        fails(403, "AccessDenied", s3.create_multipart_upload, Key=there + "x")
        fails(403, "AccessDenied", s3.copy_object, Key=there + "y", CopySource={"Bucket": BUCKET, "Key": folder + "x"})
        denied = s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": there + "x"}]})
        assert [e["Code"] for e in denied["Errors"]] == ["AccessDenied"]
        assert get(s3, there + "x") == b"then"
