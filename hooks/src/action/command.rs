//! `command`: a program of the folder that the server's settings name, which gets the payload on its standard input.
//!
//! It runs in a process group of its own with an environment of what is listed, and the whole group is killed when
//! its time is over, or when nobody waits for it any more.

use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use async_trait::async_trait;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use super::webhook::templates;
use super::{Action, Call, Outcome};
use crate::document::{Fields, Wrong};
use crate::template::Template;

/// Where programs are found that the program runs.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

#[derive(Debug)]
struct Program {
    program: String,
    arguments: Vec<Template>,
    environment: Vec<(String, Template)>,
}

pub(super) fn parse(fields: &mut Fields) -> Result<Arc<dyn Action>, Wrong> {
    let program = fields.required_text("program")?;
    if program.value.contains('/') || program.value.starts_with('.') {
        let message = "program has to be the name of a file in the server's folder of programs, not a path";
        return Err(Wrong::at(program.referenced, message));
    }
    let arguments = fields.texts("arguments")?.unwrap_or_default();
    Ok(Arc::new(Program {
        program: program.value,
        arguments: arguments.iter().map(Template::parse).collect::<Result<_, _>>()?,
        environment: templates(fields, "environment")?,
    }))
}

#[async_trait]
impl Action for Program {
    async fn run(&self, call: &Call<'_>) -> Outcome {
        let mut values = call.values();
        let outcome: Outcome = self.execute(call, &mut values).await.into();
        Outcome::new(outcome.ended, values.hush(&outcome.output))
    }
}

impl Program {
    async fn execute(
        &self,
        call: &Call<'_>,
        values: &mut crate::template::Values<'_>,
    ) -> Result<Outcome, String> {
        let settings = &call.tools.settings;
        let folder = settings.programs.as_deref();
        let folder = folder.ok_or("the settings of the server name no folder of programs")?;
        let mut command = Command::new(program(folder, &self.program)?);
        command
            .env_clear()
            .env("PATH", PATH)
            .current_dir(folder)
            .process_group(0);
        for name in &settings.program_environment {
            if let Ok(value) = values.secret(&format!("env.{name}")) {
                command.env(name, value);
            }
        }
        for argument in &self.arguments {
            command.arg(argument.fill(values)?);
        }
        for (name, value) in &self.environment {
            command.env(name, value.fill(values)?);
        }
        let (input, output) = (pipe()?, pipe()?);
        let twin = output.1.try_clone().map_err(|error| error.to_string())?;
        command
            .stdin(Stdio::from(input.1))
            .stdout(Stdio::from(output.1))
            .stderr(Stdio::from(twin));
        let child = command
            .spawn()
            .map_err(|error| format!("{}: {error}", self.program))?;
        // the command holds our ends of what the program writes to
        drop(command);
        let running = Group::new(child);
        let mut text = Vec::new();
        let talk = async {
            let tell = tell(input.0, call.payload.json());
            tokio::join!(tell, listen(output.0, call.limits.output_bytes, &mut text));
            running.ended().await
        };
        let ended = tokio::time::timeout(call.limits.time, talk).await;
        running.kill();
        // before anything is added: a secret may be cut at its end
        let text = values.hush(&String::from_utf8_lossy(&text));
        Ok(match ended {
            Err(_) => Outcome::too_long(text),
            Ok(Err(error)) => Outcome::errored(error),
            Ok(Ok(status)) => judged(status, text),
        })
    }
}

fn judged(status: ExitStatus, output: String) -> Outcome {
    match (status.code(), status.signal()) {
        (Some(0), _) => Outcome::passed(output),
        (Some(code), _) => Outcome::failed(format!("{output}\nended with code {code}")),
        (None, signal) => Outcome::failed(format!(
            "{output}\nended by signal {}",
            signal.unwrap_or_default()
        )),
    }
}

/// Returns the program of that name: a file of the folder itself, not what a link there points at elsewhere.
fn program(folder: &Path, name: &str) -> Result<PathBuf, String> {
    let unknown = |_| format!("there is no program {name} in the server's folder of programs");
    let folder = folder.canonicalize().map_err(unknown)?;
    let path = folder.join(name).canonicalize().map_err(unknown)?;
    match path.parent() == Some(&folder) && path.is_file() {
        true => Ok(path),
        false => Err(format!("{name} does not lie in the server's folder of programs")),
    }
}

/// Returns our end and that of the program.
fn pipe() -> Result<(UnixStream, OwnedFd), String> {
    let pair = || {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        Ok((UnixStream::from_std(ours)?, OwnedFd::from(theirs)))
    };
    pair().map_err(|error: std::io::Error| error.to_string())
}

/// Writes the payload; a program need not read it.
async fn tell(mut to: UnixStream, payload: String) {
    drop(to.write_all(payload.as_bytes()).await);
    drop(to.shutdown().await);
}

/// Reads what the program says until it closes its output; what is too much is read and dropped.
async fn listen(mut from: UnixStream, bytes_max: usize, text: &mut Vec<u8>) {
    let mut piece = [0; 4_096];
    while let Ok(count @ 1..) = from.read(&mut piece).await {
        let left = bytes_max.saturating_sub(text.len());
        text.extend_from_slice(&piece[..count.min(left)]);
    }
}

/// A process group that does not outlive this.
struct Group {
    id: Pid,
    is_killed: AtomicBool,
    waits: tokio::sync::Mutex<Option<tokio::task::JoinHandle<std::io::Result<ExitStatus>>>>,
}

impl Group {
    fn new(mut child: Child) -> Group {
        Group {
            id: Pid::from_raw(child.id().cast_signed()),
            is_killed: AtomicBool::new(false),
            waits: Some(tokio::task::spawn_blocking(move || child.wait())).into(),
        }
    }

    async fn ended(&self) -> Result<ExitStatus, String> {
        let Some(waits) = self.waits.lock().await.take() else {
            return Err("it was waited for twice".into());
        };
        let status = waits.await.map_err(|error| error.to_string())?;
        status.map_err(|error| error.to_string())
    }

    /// Kills what is left of the group: its leader, or what that left behind.
    fn kill(&self) {
        // once: another group may have the number later
        if !self.is_killed.swap(true, Relaxed) {
            // nobody may be left
            let _ = killpg(self.id, Signal::SIGKILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}
