//! How a connection speaks, from its first bytes.

use thrift_idl::methods::GetTableArgs;
use thrift_idl::{DetectError, Framing, Limits, MessageKind, Protocol, Scanner, Wire};

pub(crate) const WIRES: [Wire; 6] = {
    const fn wire(protocol: Protocol, framing: Framing, strict: bool) -> Wire {
        Wire {
            protocol,
            framing,
            strict,
        }
    }
    [
        wire(Protocol::Binary, Framing::Unframed, true),
        wire(Protocol::Binary, Framing::Framed, true),
        wire(Protocol::Binary, Framing::Unframed, false),
        wire(Protocol::Binary, Framing::Framed, false),
        wire(Protocol::Compact, Framing::Unframed, true),
        wire(Protocol::Compact, Framing::Framed, true),
    ]
};

/// Returns the bytes of a call of `get_table`.
pub(crate) fn call(wire: Wire) -> Vec<u8> {
    let mut bytes = Vec::new();
    let args = GetTableArgs {
        dbname: Some("sales".into()),
        tbl_name: Some("orders".into()),
    };
    wire.write_message(&mut bytes, "get_table", MessageKind::Call, 7, &args)
        .unwrap();
    bytes
}

#[test]
fn each_way_of_speaking_is_told_from_the_others() {
    for wire in WIRES {
        let bytes = call(wire);
        assert_eq!(Wire::detect(&bytes), Ok(Some(wire)));
        let first = (0..bytes.len()).find_map(|size| Wire::detect(&bytes[..size]).unwrap());
        assert_eq!(first, Some(wire), "an earlier verdict differs");
        assert_eq!(
            Wire::detect(&bytes[..8]),
            Ok(Some(wire)),
            "eight bytes are not enough"
        );
        let message = Scanner::new(wire, Limits::default())
            .scan(&bytes)
            .unwrap()
            .unwrap();
        assert_eq!(message.name, "get_table");
    }
}

#[test]
fn other_protocols_are_named() {
    let cases: [(&[u8], DetectError); 6] = [
        (b"GET /metrics HTTP/1.1\r\n", DetectError::Other("http")),
        (b"POST /metastore HTTP/1.1\r\n", DetectError::Other("http")),
        (b"\x16\x03\x01\x02\x00\x01", DetectError::Other("tls")),
        (b"\x01\0\0\0\x05PLAIN", DetectError::Other("sasl")),
        (b"\xff\xff\xff\xff\x01\x02", DetectError::Unknown([0xff; 4])),
        (b"SSH-2.0-x", DetectError::Unknown(*b"SSH-")),
    ];
    for (bytes, error) in cases {
        assert_eq!(Wire::detect(bytes), Err(error));
    }
}
