//! SASL as Thrift carries it: a negotiation in frames, and then calls in frames.
//!
//! A frame of the negotiation is a status, a length in four bytes, and so many bytes. The client starts with
//! the name of a mechanism and goes on with what the mechanism wants; the server ends with a verdict. Only
//! PLAIN is served: one response with name and password (RFC 4616), which should travel over TLS.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::credentials::Users;

const START: u8 = 1;
const OK: u8 = 2;
const BAD: u8 = 3;
const ERROR: u8 = 4;
const COMPLETE: u8 = 5;

/// Bytes of a frame of the negotiation: some passwords are tokens, and these are long.
const FRAME_BYTES_MAX: usize = 16 << 10;

/// Why a client does not come in.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    #[error("this listener takes SASL: set the client to PLAIN with a user and a password")]
    NoSasl,
    #[error("Kerberos (GSSAPI) is not served: set the client to PLAIN with a user and a password")]
    Kerberos,
    #[error("the mechanism {0:?} is not served: set the client to PLAIN with a user and a password")]
    Mechanism(String),
    #[error("the negotiation is out of step: {0}")]
    OutOfStep(&'static str),
    #[error("the name or the password is wrong")]
    Wrong { user: String },
    #[error("{user} must not act for {other}")]
    ForAnother { user: String, other: String },
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Refused {
    /// Returns what a client is told with; nothing if it would not understand.
    fn status(&self) -> Option<u8> {
        match self {
            Refused::Kerberos
            | Refused::Mechanism(_)
            | Refused::Wrong { .. }
            | Refused::ForAnother { .. } => Some(BAD),
            Refused::OutOfStep(_) => Some(ERROR),
            Refused::NoSasl | Refused::Io(_) => None,
        }
    }
}

/// Negotiates with a client; returns the user that it has shown to be.
///
/// # Errors
/// [`Refused`], of which the client has been told as far as it can be.
pub(super) async fn negotiate<S>(stream: &mut S, users: &Users) -> Result<String, Refused>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let refused = match come_in(stream, users).await {
        Ok(user) => {
            send(stream, COMPLETE, b"").await?;
            return Ok(user);
        }
        Err(refused) => refused,
    };
    if let Some(status) = refused.status() {
        send(stream, status, refused.to_string().as_bytes()).await?;
    }
    Err(refused)
}

/// Tells a client that SASL is not taken here.
pub(super) async fn decline<S: AsyncWrite + Unpin>(stream: &mut S) -> io::Result<()> {
    let text = "this listener takes no SASL: turn it off in the client, or name users for the listener";
    send(stream, BAD, text.as_bytes()).await
}

async fn come_in<S>(stream: &mut S, users: &Users) -> Result<String, Refused>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let status = stream.read_u8().await?;
    if status != START {
        return Err(Refused::NoSasl);
    }
    match &receive(stream).await?[..] {
        b"PLAIN" => {}
        b"GSSAPI" => return Err(Refused::Kerberos),
        other => return Err(Refused::Mechanism(String::from_utf8_lossy(other).into_owned())),
    }
    let mut response = respond(stream).await?;
    if response.is_empty() {
        // a client that waits to be asked
        send(stream, OK, b"").await?;
        response = respond(stream).await?;
    }
    let Plain {
        acts_for,
        user,
        password,
    } = Plain::parse(&response).ok_or(Refused::OutOfStep("no name and password where they should be"))?;
    if !acts_for.is_empty() && acts_for != user {
        return Err(Refused::ForAnother {
            user: user.to_owned(),
            other: acts_for.to_owned(),
        });
    }
    let user = user.to_owned();
    match users.check(&user, password.to_owned()).await {
        true => Ok(user),
        false => Err(Refused::Wrong { user }),
    }
}

/// Receives what the mechanism wants.
async fn respond<S: AsyncRead + Unpin>(stream: &mut S) -> Result<Vec<u8>, Refused> {
    match stream.read_u8().await? {
        OK | COMPLETE => receive(stream).await,
        _ => Err(Refused::OutOfStep("a response was expected")),
    }
}

/// Receives what follows a status.
async fn receive<S: AsyncRead + Unpin>(stream: &mut S) -> Result<Vec<u8>, Refused> {
    let length = usize::try_from(stream.read_u32().await?).unwrap_or(usize::MAX);
    if length > FRAME_BYTES_MAX {
        return Err(Refused::OutOfStep("a frame is too long"));
    }
    let mut payload = vec![0; length];
    stream.read_exact(&mut payload).await?;
    Ok(payload)
}

async fn send<S: AsyncWrite + Unpin>(stream: &mut S, status: u8, payload: &[u8]) -> io::Result<()> {
    let length = u32::try_from(payload.len()).map_err(io::Error::other)?;
    let frame = [&[status], &length.to_be_bytes()[..], payload].concat();
    stream.write_all(&frame).await?;
    stream.flush().await
}

/// The response of PLAIN.
#[derive(Debug, PartialEq, Eq)]
struct Plain<'a> {
    /// For whom the user wants to act; empty is for themselves.
    acts_for: &'a str,
    user: &'a str,
    password: &'a str,
}

impl Plain<'_> {
    fn parse(response: &[u8]) -> Option<Plain<'_>> {
        let mut parts = std::str::from_utf8(response).ok()?.split('\0');
        let (acts_for, user, password) = (parts.next()?, parts.next()?, parts.next()?);
        let whole = parts.next().is_none() && !user.is_empty();
        whole.then_some(Plain {
            acts_for,
            user,
            password,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(status: u8, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap();
        [&[status], &length.to_be_bytes()[..], payload].concat()
    }

    /// Sends all at once; returns how it ended, and status and text of the last frame that came back.
    async fn say(sent: &[Vec<u8>]) -> (Result<String, String>, Vec<u8>) {
        let (mut client, mut server) = tokio::io::duplex(1 << 16);
        client.write_all(&sent.concat()).await.unwrap();
        client.shutdown().await.unwrap();
        let hash = bcrypt::hash("secret", 4).unwrap();
        let users = Users::parse(&format!("ann:{hash}")).unwrap();
        let ended = negotiate(&mut server, &users).await;
        drop(server);
        let mut received = Vec::new();
        client.read_to_end(&mut received).await.unwrap();
        (ended.map_err(|refused| refused.to_string()), received)
    }

    #[tokio::test]
    async fn names_and_passwords_open() {
        for response in [&b"\0ann\0secret"[..], b"ann\0ann\0secret"] {
            for status in [OK, COMPLETE] {
                let (ended, received) = say(&[frame(START, b"PLAIN"), frame(status, response)]).await;
                assert_eq!((ended.unwrap().as_str(), received), ("ann", frame(COMPLETE, b"")));
            }
        }
        let asked = [
            frame(START, b"PLAIN"),
            frame(OK, b""),
            frame(COMPLETE, b"\0ann\0secret"),
        ];
        let (ended, received) = say(&asked).await;
        assert_eq!(ended.unwrap(), "ann");
        assert_eq!(received, [frame(OK, b""), frame(COMPLETE, b"")].concat());
    }

    #[tokio::test]
    async fn what_else_is_refused_and_told() {
        for (mechanism, response, status, told) in [
            (
                "PLAIN",
                &b"\0ann\0Secret"[..],
                BAD,
                "the name or the password is wrong",
            ),
            (
                "PLAIN",
                b"\0ben\0secret",
                BAD,
                "the name or the password is wrong",
            ),
            ("PLAIN", b"ben\0ann\0secret", BAD, "ann must not act for ben"),
            ("PLAIN", b"ann", ERROR, "the negotiation is out of step"),
            ("PLAIN", b"\0\0secret", ERROR, "the negotiation is out of step"),
            ("GSSAPI", b"", BAD, "Kerberos (GSSAPI) is not served"),
            ("DIGEST-MD5", b"", BAD, "\"DIGEST-MD5\" is not served"),
        ] {
            let (ended, received) = say(&[frame(START, mechanism.as_bytes()), frame(OK, response)]).await;
            let text = ended.unwrap_err();
            assert!(text.contains(told), "{text}");
            assert_eq!(received, frame(status, text.as_bytes()), "{mechanism}");
        }
        let (ended, received) = say(&[b"\x80\x01\0\x01\0\0\0\x09".to_vec()]).await;
        assert!(ended.unwrap_err().contains("takes SASL"));
        assert!(received.is_empty());
        let huge = [&[START][..], &u32::MAX.to_be_bytes()].concat();
        assert!(say(&[huge]).await.0.unwrap_err().contains("too long"));
    }
}
