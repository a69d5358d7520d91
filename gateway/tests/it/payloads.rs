//! Every way in which clients sign and check what they send, right and wrong.

use crate::rig::Rig;
use crate::signing::{Call, Payload, Reply};

const TEXT: &str = "a text to tamper with, in several chunks";

async fn put(rig: &Rig, payload: Payload) -> Reply {
    Call::new("PUT", "/lake/main/a b")
        .body(TEXT)
        .payload(payload)
        .send(rig)
        .await
}

/// Returns the checksum of the text by an implementation that is not under test.
fn crc32c() -> String {
    let mut crc = !0u32;
    for byte in TEXT.bytes() {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 {
                crc >> 1 ^ 0x82f6_3b78
            } else {
                crc >> 1
            };
        }
    }
    base64_simd::STANDARD.encode_to_string((!crc).to_be_bytes())
}

#[tokio::test]
async fn all_kinds_of_payloads_arrive() {
    let rig = Rig::start().await;
    let payloads = [
        Payload::Hashed,
        Payload::Unsigned,
        Payload::Chunks(7),
        Payload::Chunks(1000),
        Payload::ChunksWithTrailer(16, "x-amz-checksum-crc32c", crc32c()),
        Payload::UnsignedWithTrailer(16, "x-amz-checksum-crc32c", crc32c()),
    ];
    for payload in payloads {
        let with_trailer = matches!(
            payload,
            Payload::ChunksWithTrailer(..) | Payload::UnsignedWithTrailer(..)
        );
        let text = format!("{payload:?}");
        let reply = put(&rig, payload).await.expect(200);
        if with_trailer {
            assert_eq!(reply.header("x-amz-checksum-crc32c"), Some(crc32c().as_str()));
        }
        let got = Call::new("GET", "/lake/main/a b").send(&rig).await.expect(200);
        assert_eq!(got.text(), TEXT, "{text}");
        Call::new("DELETE", "/lake/main/a b").send(&rig).await.expect(204);
    }
    let put = Call::new("PUT", "/lake/main/a b")
        .body(TEXT)
        .send_presigned(&rig)
        .await;
    put.expect(200);
    assert_eq!(
        Call::new("GET", "/lake/main/a b")
            .send_presigned(&rig)
            .await
            .expect(200)
            .text(),
        TEXT
    );
}

#[tokio::test]
async fn a_signed_url_is_valid_for_at_most_a_week() {
    let rig = Rig::start().await;
    Call::new("PUT", "/lake/main/a")
        .body(TEXT)
        .send(&rig)
        .await
        .expect(200);
    let get = Call::new("GET", "/lake/main/a");
    get.clone().send_presigned_for(&rig, "604800").await.expect(200);
    get.send_presigned_for(&rig, "604801")
        .await
        .expect_error(400, "AuthorizationQueryParametersError");
}

#[tokio::test]
async fn tampered_payloads_are_not_stored() {
    let rig = Rig::start().await;
    let cases = [
        (Payload::Hashed, 400, "XAmzContentSHA256Mismatch"),
        (Payload::Chunks(1000), 403, "SignatureDoesNotMatch"),
        (
            Payload::ChunksWithTrailer(1000, "x-amz-checksum-crc32c", crc32c()),
            403,
            "SignatureDoesNotMatch",
        ),
        (
            Payload::UnsignedWithTrailer(1000, "x-amz-checksum-crc32c", crc32c()),
            400,
            "BadDigest",
        ),
    ];
    for (payload, status, code) in cases {
        let call = Call::new("PUT", "/lake/main/a")
            .body(TEXT)
            .payload(payload)
            .tampered();
        call.send(&rig).await.expect_error(status, code);
        Call::new("HEAD", "/lake/main/a").send(&rig).await.expect(404);
    }
}

#[tokio::test]
async fn checksums_that_are_sent_are_checked() {
    use md5::Digest as _;
    let rig = Rig::start().await;
    let md5 = base64_simd::STANDARD.encode_to_string(md5::Md5::digest(TEXT));
    let cases = [
        ("content-md5", md5.clone(), 200, ""),
        (
            "content-md5",
            "1B2M2Y8AsgTpgAmY7PhCfg==".to_owned(),
            400,
            "BadDigest",
        ),
        ("content-md5", "no".to_owned(), 400, "InvalidDigest"),
        ("x-amz-checksum-crc32c", crc32c(), 200, ""),
        ("x-amz-checksum-crc32c", "AAAAAA==".to_owned(), 400, "BadDigest"),
        ("x-amz-checksum-sha256", "AAAAAA==".to_owned(), 400, "BadDigest"),
        ("x-amz-checksum-new", "AAAAAA==".to_owned(), 501, "NotImplemented"),
    ];
    for (header, value, status, code) in cases {
        let reply = Call::new("PUT", "/lake/main/a")
            .header(header, &value)
            .body(TEXT)
            .send(&rig)
            .await;
        let reply = reply.expect(status);
        assert_eq!(reply.code(), code, "{header}");
        let there = Call::new("HEAD", "/lake/main/a").send(&rig).await.status;
        assert_eq!(there, if status == 200 { 200 } else { 404 }, "{header}");
        Call::new("DELETE", "/lake/main/a").send(&rig).await.expect(204);
    }
}

#[tokio::test]
async fn strangers_are_refused() {
    let rig = Rig::start().await;
    let call = || Call::new("GET", "/lake/main/a");
    call().send_unsigned(&rig).await.expect_error(403, "AccessDenied");
    call()
        .keys("SKEPACCESSKEY", "wrong")
        .send(&rig)
        .await
        .expect_error(403, "SignatureDoesNotMatch");
    call()
        .keys("NOBODY", "wrong")
        .send(&rig)
        .await
        .expect_error(403, "InvalidAccessKeyId");
    call()
        .keys("NOBODY", "wrong")
        .send_presigned(&rig)
        .await
        .expect_error(403, "InvalidAccessKeyId");
    call()
        .keys("SECONDKEY", "another secret")
        .send(&rig)
        .await
        .expect_error(404, "NoSuchKey");
    let anonymous = Call::new("PUT", "/lake/main/a")
        .body("x")
        .send_unsigned(&rig)
        .await;
    anonymous.expect_error(403, "AccessDenied");
    let client = rig.client_with("SKEPACCESSKEY", "wrong");
    let path = object_store::path::Path::from("main/a");
    let refused = object_store::ObjectStoreExt::get(&client, &path)
        .await
        .unwrap_err();
    assert!(
        matches!(refused, object_store::Error::PermissionDenied { .. }),
        "{refused}"
    );
    // a form would be read into memory before anybody asked who sends it
    let form = "--b\r\ncontent-disposition: form-data; name=\"key\"\r\n\r\nmain/a\r\n\
                --b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\nbytes\r\n--b--\r\n";
    let form = Call::new("POST", "/lake")
        .header("content-type", "multipart/form-data; boundary=b")
        .body(form);
    let refused = form.send_unsigned(&rig).await;
    assert!((400..=501).contains(&refused.status), "{}", refused.status);
    Call::new("HEAD", "/lake/main/a").send(&rig).await.expect(404);
}
