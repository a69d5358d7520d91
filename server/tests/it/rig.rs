//! The binary as a process, and requests to it by plain sockets.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

/// More than any request takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running server on ports of its own. It is killed with the value.
#[derive(Debug)]
pub(crate) struct Skep {
    process: Child,
    _stdout: BufReader<ChildStdout>,
    pub(crate) rest: SocketAddr,
    pub(crate) s3: SocketAddr,
    pub(crate) thrift: SocketAddr,
    /// Only of a server that was told where.
    pub(crate) flight: Option<SocketAddr>,
}

impl Skep {
    /// Starts a server on a folder.
    pub(crate) fn start(data: &Path) -> Skep {
        Skep::launch(skep(&serve(data)))
    }

    /// Starts a server by a command, and waits until it says where it is.
    pub(crate) fn launch(mut command: Command) -> Skep {
        let mut process = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let mut lines: Vec<String> = Vec::new();
        // the metastore is told last
        while !lines
            .iter()
            .any(|line| line.trim_start().starts_with("metastore"))
        {
            let mut line = String::new();
            let read = stdout.read_line(&mut line).unwrap();
            assert_ne!(read, 0, "ended before it told its doors: {lines:?}");
            lines.push(line);
        }
        let at = |door: &str, scheme: &str| {
            let mut lines = lines.iter();
            let line = lines.find(|line| line.trim_start().starts_with(door))?;
            let (_, address) = line.split_once(scheme)?;
            address.split_whitespace().next()?.parse().ok()
        };
        let (rest, s3, thrift, flight) = (
            at("REST", "http://").unwrap(),
            at("S3", "http://").unwrap(),
            at("metastore", "thrift://").unwrap(),
            at("Flight SQL", "grpc://"),
        );
        Skep {
            process,
            _stdout: stdout,
            rest,
            s3,
            thrift,
            flight,
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Asks the server to end, and waits until it has.
    pub(crate) fn stop(mut self) -> ExitStatus {
        let asked = Command::new("sh")
            .args(["-c", &format!("kill -TERM {}", self.pid())])
            .status()
            .unwrap();
        assert!(asked.success());
        self.process.wait().unwrap()
    }

    /// Sends a request to the REST API, below the path of all routes.
    pub(crate) fn rest(&self, method: &str, path: &str, body: &str) -> Answer {
        let json = [("content-type", "application/json")];
        send(
            self.rest,
            method,
            &format!("/api/v1{path}"),
            &json,
            body.as_bytes(),
        )
    }

    /// Sends a request to the first repository, which has to succeed.
    pub(crate) fn lake(&self, method: &str, path: &str, body: &str) -> Value {
        let answer = self.rest(method, &format!("/repositories/lake{path}"), body);
        assert!(answer.status < 300, "{method} {path}: {answer:?}");
        if answer.body.is_empty() {
            Value::Null
        } else {
            answer.json()
        }
    }

    /// Whether the server still answers.
    pub(crate) fn is_up(&self) -> bool {
        send(self.rest, "GET", "/health", &[], b"").text() == "ok\n"
    }
}

impl Drop for Skep {
    fn drop(&mut self) {
        // it may have ended already
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// An answer to a request by HTTP.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Checks that this is a problem, and returns its type and what it tells.
    pub(crate) fn problem(&self) -> (String, String) {
        assert_eq!(self.content_type, "application/problem+json", "{}", self.text());
        let problem = self.json();
        assert_eq!(problem["status"], self.status);
        assert!(problem["title"].is_string());
        let text = |name: &str| problem[name].as_str().unwrap_or_default().to_owned();
        (text("type"), format!("{}\n{}", text("detail"), text("hint")))
    }
}

/// Sends one request on a connection of its own.
pub(crate) fn send(
    to: SocketAddr,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    let mut socket = TcpStream::connect(to).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut head = format!("{method} {target} HTTP/1.1\r\nhost: {to}\r\nconnection: close\r\n");
    head += &format!("content-length: {}\r\n", body.len());
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    head += "\r\n";
    socket.write_all(head.as_bytes()).unwrap();
    // a server may refuse before it has read all
    let _ = socket.write_all(body);
    let mut bytes = Vec::new();
    let _ = socket.read_to_end(&mut bytes);
    answer(&bytes)
}

fn answer(bytes: &[u8]) -> Answer {
    let end = bytes
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .expect("an answer without a head");
    let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
    let header = |name: &str| {
        head.lines()
            .find_map(|line| line.strip_prefix(name))
            .unwrap_or_default()
            .trim()
            .to_owned()
    };
    let body = &bytes[end + 4..];
    let chunked = header("transfer-encoding:") == "chunked";
    Answer {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        content_type: header("content-type:"),
        body: if chunked { unchunked(body) } else { body.to_vec() },
    }
}

fn unchunked(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(end) = body.windows(2).position(|two| two == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&body[..end]).unwrap(), 16).unwrap();
        let begin = end + 2;
        whole.extend_from_slice(&body[begin..begin + size]);
        body = &body[begin + size + 2..];
    }
    whole
}

/// The arguments of a server on ports that are free, which logs nothing.
pub(crate) fn serve(data: &Path) -> [&str; 11] {
    let data = data.to_str().unwrap();
    let any = "127.0.0.1:0";
    [
        "serve", "--data", data, "--http", any, "--s3", any, "--thrift", any, "--log", "off",
    ]
}

/// The binary with these arguments, and without settings from our environment.
pub(crate) fn skep(arguments: &[&str]) -> Command {
    without_settings(Command::new(env!("CARGO_BIN_EXE_skep")), arguments)
}

/// A command that is given none of the settings in our environment.
pub(crate) fn without_settings(mut command: Command, arguments: &[&str]) -> Command {
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SKEP_")) {
        command.env_remove(name);
    }
    command.args(arguments);
    command
}

/// Runs the binary to its end and returns its exit code and all that it told.
pub(crate) fn run(arguments: &[&str]) -> (i32, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = skep(arguments).output().unwrap();
    let told = format!(
        "{}{}",
        String::from_utf8_lossy(&stdout),
        String::from_utf8_lossy(&stderr)
    );
    (status.code().expect("it was killed"), told)
}

/// Checks that the binary ends with this code and tells of all these.
pub(crate) fn fails(arguments: &[&str], code: i32, words: &[&str]) {
    let (ended, told) = run(arguments);
    assert_eq!(ended, code, "{arguments:?}: {told}");
    for word in words {
        assert!(
            told.contains(word),
            "{arguments:?} tells nothing of {word:?}: {told}"
        );
    }
}

/// A folder that is gone with the value, and a path in it.
pub(crate) fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    (folder, data)
}
