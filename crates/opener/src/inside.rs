//! Work in another network namespace, on a thread that does nothing else and ends with it: no other thread ever leaves the
//! namespace that the process was started in (ID-17).

use crate::OpenError;
use rustix::io::Errno;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::os::fd::BorrowedFd;
use std::thread::{Builder, scope};

/// Runs `work` in a namespace, or in the process's own, and waits for it. A panic is a failure like another.
pub(crate) fn inside<T: Send>(
    namespace: Option<BorrowedFd<'_>>,
    work: impl FnOnce() -> Result<T, OpenError> + Send,
) -> Result<T, OpenError> {
    let run = || {
        if let Some(namespace) = namespace {
            move_into_link_name_space(namespace, Some(LinkNameSpaceType::Network)).map_err(refused)?;
        }
        work()
    };
    scope(|threads| {
        let thread = Builder::new().name("namespace".to_owned()).spawn_scoped(threads, run);
        let thread = thread.map_err(|error| OpenError::Failed(format!("cannot start a thread: {error}")))?;
        thread.join().unwrap_or_else(|_| Err(OpenError::Failed("the opener failed in that namespace".to_owned())))
    })
}

fn refused(error: Errno) -> OpenError {
    match error {
        Errno::PERM => OpenError::NotPermitted("entering another network namespace".to_owned()),
        Errno::INVAL => OpenError::Failed("what was given is no network namespace".to_owned()),
        error => OpenError::Failed(format!("cannot enter the network namespace: {error}")),
    }
}

/// Held by a test that looks at all threads, and by those that have some in other namespaces.
#[cfg(test)]
pub(crate) static THREADS: std::sync::Mutex<()> = std::sync::Mutex::new(());

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{File, read_link};
    use std::os::fd::AsFd;

    #[test]
    fn id_17_no_thread_but_its_own_is_in_another_namespace_not_even_after_a_panic() {
        let _alone = THREADS.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let link = || read_link("/proc/thread-self/ns/net").unwrap();
        let home = link();
        // That of this process will do: the way in and out is the same.
        let own = File::open("/proc/thread-self/ns/net").unwrap();
        if inside(Some(own.as_fd()), || Ok(())).is_err() {
            return eprintln!("skipped: to enter a network namespace takes root");
        }
        for _ in 0..20 {
            let failed: Result<(), _> = inside(Some(own.as_fd()), || panic!("the test says so"));
            assert!(matches!(failed, Err(OpenError::Failed(_))));
            assert!(inside(Some(own.as_fd()), || Ok(link())).is_ok());
            assert_eq!(link(), home);
        }
        let threads = || std::fs::read_dir("/proc/self/task").unwrap().flatten();
        let names = threads().filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
        assert!(!names.into_iter().any(|name| name.trim() == "namespace"), "a thread is left");
        for task in threads() {
            let namespace = read_link(task.path().join("ns/net"));
            assert!(namespace.is_err() || namespace.unwrap() == home);
        }
    }
}
