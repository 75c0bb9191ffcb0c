//! Ctrl-C as a channel, so that front ends can be driven without signals.

use tokio::sync::mpsc;

/// A message for each Ctrl-C (SIGINT) from now on; the process no longer dies of it. Needs a running tokio runtime.
pub fn interrupts() -> mpsc::Receiver<()> {
    let (sender, receiver) = mpsc::channel(4);
    tokio::spawn(async move { while tokio::signal::ctrl_c().await.is_ok() && sender.send(()).await.is_ok() {} });
    receiver
}
