//! The threads that serve the connections of one server of this process.

use tokio::runtime::{Builder, Handle, Runtime};

/// A runtime beside the one that it is started in. The control plane has one of its own, because it
/// signs tokens on the threads that read and write: the agent in the same process answers from its
/// cache meanwhile, as it would on another machine (ADR 5).
pub(crate) struct ServerRuntime {
    handle: Handle,
    /// Taken when it ends.
    runtime: Option<Runtime>,
}

impl ServerRuntime {
    /// As many threads as there are cores.
    pub(crate) fn start(name: &str) -> std::io::Result<Self> {
        let runtime = Builder::new_multi_thread().thread_name(name).enable_all().build()?;
        Ok(Self { handle: runtime.handle().clone(), runtime: Some(runtime) })
    }

    /// The handle to spawn tasks with.
    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for ServerRuntime {
    /// Does not wait for its threads: it is dropped inside another runtime, where nothing may wait.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_ends_inside_another_runtime_and_its_tasks_with_it() {
        let runtime = ServerRuntime::start("test").unwrap();
        let forever = runtime.handle().spawn(std::future::pending::<()>());
        drop(runtime);
        assert!(forever.await.unwrap_err().is_cancelled());
    }
}
