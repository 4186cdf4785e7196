//! Network namespaces, made and removed by a measurement that is taken apart.

use crate::Failure;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::fs::File;
use std::io::Write;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use xtask::connection::{Connection, Target};

/// The folder in which `ip netns` keeps them.
const NAMED: &str = "/run/netns";
/// The metadata address.
const ADDRESS: ([u8; 4], u16) = ([169, 254, 169, 254], 80);

/// So many namespaces, each with a loopback device and nothing else.
pub(crate) struct Namespaces(usize);

impl Namespaces {
    pub(crate) fn create(count: usize) -> Result<Self, Failure> {
        let namespaces = Self(count);
        namespaces.each("add")?;
        Ok(namespaces)
    }

    pub(crate) fn name(at: usize) -> String {
        format!("bench-{at}")
    }

    pub(crate) fn path(at: usize) -> PathBuf {
        PathBuf::from(NAMED).join(Self::name(at))
    }

    /// Connections to the metadata address in the first `count`, `each` in every one, not blocking.
    pub(crate) fn connect(&self, count: usize, each: usize) -> Result<Vec<Connection>, Failure> {
        self.connect_as(count, |target| target.connect_many(each).map_err(|error| error.to_string()))
    }

    /// One that blocks, to the metadata address in one namespace.
    pub(crate) fn connect_one(&self, at: usize) -> Result<Connection, Failure> {
        inside(at, |target| target.connect().map_err(|error| error.to_string()))
    }

    fn connect_as(
        &self,
        count: usize,
        connect: impl Fn(&Target) -> Result<Vec<Connection>, String> + Copy + Send,
    ) -> Result<Vec<Connection>, Failure> {
        let all = (0..count.min(self.0)).map(|at| inside(at, connect));
        Ok(all.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }

    /// One process for all of them.
    fn each(&self, order: &str) -> Result<(), Failure> {
        let mut ip = Command::new("ip");
        let mut ip = ip.args(["-force", "-batch", "-"]).stdin(Stdio::piped()).spawn()?;
        let mut orders = ip.stdin.take().ok_or("no input")?;
        for at in 0..self.0 {
            writeln!(orders, "netns {order} {}", Self::name(at))?;
        }
        drop(orders);
        if ip.wait()?.success() { Ok(()) } else { Err(format!("ip netns {order} failed").into()) }
    }
}

/// A connection of a thread in a namespace to the metadata address there. A connection stays where it was made.
fn inside<T: Send>(at: usize, connect: impl FnOnce(&Target) -> Result<T, String> + Send) -> Result<T, Failure> {
    let made = std::thread::scope(|scope| {
        let there = move || {
            let namespace = File::open(Namespaces::path(at)).map_err(|error| error.to_string())?;
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
                .map_err(|error| error.to_string())?;
            connect(&Target::plain(SocketAddr::from(ADDRESS)))
        };
        scope.spawn(there).join()
    });
    let made = made.map_err(|_| "a thread in a namespace panicked")?;
    Ok(made.map_err(|error| format!("namespace {at}: {error}"))?)
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        // The rest ends with the process.
        let _ = self.each("delete");
    }
}
