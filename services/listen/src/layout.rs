//! The drop-ins that a request amounts to, and those that are there.

use crate::request::{ListenRequest, Place, Transport};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::io;
use std::path::{Path, PathBuf};

/// Ends the names of sockets that are for proxies.
const PROXY: &str = "-proxy";
const FILE_NAME: &str = "50-tenon-listen.conf";
const HEADER: &str = "# Written by tenon-listen from the committed auth/listen_on; edits are lost.\n";

/// A complete set of generated drop-ins: unit name to text.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Layout(BTreeMap<String, String>);

/// What differs between two layouts, as socket units.
#[derive(Default, PartialEq, Eq, Debug)]
pub struct Difference {
    /// Sockets to be opened; a socket whose text changed is in both lists.
    pub opened: BTreeSet<String>,
    /// Sockets to be closed.
    pub closed: BTreeSet<String>,
    /// Instances of tenon-auth that are no longer wanted.
    pub ended: BTreeSet<String>,
}

impl Layout {
    /// The drop-ins for a request.
    #[must_use]
    pub fn of(request: &ListenRequest) -> Self {
        let mut units = BTreeMap::new();
        for instance in 1..=request.instances {
            let service = service_name(instance);
            let sockets: Vec<String> =
                request.addresses.iter().map(|place| socket_name(instance, *place)).collect();
            for (place, name) in request.addresses.iter().zip(&sockets) {
                units.insert(name.clone(), socket_text(&service, *place, request.udp_sockets));
            }
            units.insert(service, service_text(&sockets));
        }
        units.insert("tenon.target".to_owned(), target_text(request.instances));
        Self(units)
    }

    /// The drop-ins found below `directory`, as an earlier run left them.
    ///
    /// # Errors
    /// What the system says; a missing directory is an empty layout.
    pub fn read(directory: &Path) -> io::Result<Self> {
        let mut units = BTreeMap::new();
        let entries = match std::fs::read_dir(directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            let folder = entry.file_name();
            let Some(unit) = folder.to_str().and_then(|name| name.strip_suffix(".d")) else { continue };
            match std::fs::read_to_string(entry.path().join(FILE_NAME)) {
                Ok(text) => drop(units.insert(unit.to_owned(), text)),
                Err(error)
                    if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Self(units))
    }

    /// Makes the drop-ins below `directory` these and no others.
    ///
    /// # Errors
    /// What the system says, at the first file that cannot be written or removed.
    pub fn write(&self, directory: &Path) -> io::Result<()> {
        for (unit, text) in &self.0 {
            let file = file_of(directory, unit);
            if std::fs::read_to_string(&file).ok().as_deref() == Some(text) {
                continue;
            }
            if let Some(folder) = file.parent() {
                std::fs::create_dir_all(folder)?;
            }
            let partial = file.with_extension("partial");
            std::fs::write(&partial, text)?;
            std::fs::rename(&partial, &file)?;
        }
        for unit in Self::read(directory)?.0.keys().filter(|unit| !self.0.contains_key(*unit)) {
            let file = file_of(directory, unit);
            std::fs::remove_file(&file)?;
            if let Some(folder) = file.parent() {
                // Someone else's drop-ins may be beside ours.
                let _ = std::fs::remove_dir(folder);
            }
        }
        Ok(())
    }

    /// The socket units.
    pub fn sockets(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str).filter(|unit| unit.ends_with(".socket"))
    }

    /// The instances of tenon-auth.
    pub fn services(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str).filter(|unit| unit.ends_with(".service"))
    }

    /// What has to be opened and closed to come from this layout to `next`.
    #[must_use]
    pub fn difference(&self, next: &Self) -> Difference {
        let missing = |from: &Self, unit: &str, text: &String| from.0.get(unit) != Some(text);
        let sockets = |layout: &Self, other: &Self| -> BTreeSet<String> {
            let of_sockets = layout.0.iter().filter(|(unit, _)| unit.ends_with(".socket"));
            of_sockets
                .filter(|(unit, text)| missing(other, unit, text))
                .map(|(unit, _)| unit.clone())
                .collect()
        };
        let ended = self.services().filter(|unit| !next.0.contains_key(*unit)).map(str::to_owned).collect();
        Difference { opened: sockets(next, self), closed: sockets(self, next), ended }
    }

    /// The text of one socket unit's drop-in.
    #[must_use]
    pub fn text(&self, unit: &str) -> Option<&str> {
        self.0.get(unit).map(String::as_str)
    }
}

fn file_of(directory: &Path, unit: &str) -> PathBuf {
    directory.join(format!("{unit}.d")).join(FILE_NAME)
}

fn service_name(instance: u8) -> String {
    format!("tenon-auth@{instance}.service")
}

fn socket_name(instance: u8, Place { address, transport, proxy }: Place) -> String {
    let proxy = if proxy { PROXY } else { "" };
    let way = match transport {
        None => "",
        Some(Transport::Udp) => "-udp",
        Some(Transport::Tcp) => "-tcp",
        Some(Transport::Tls) => "-tls",
        Some(Transport::Https) => "-https",
        Some(Transport::Quic) => "-quic",
    };
    format!("tenon-auth@{instance}-{}-{}{way}{proxy}.socket", address.ip(), address.port())
}

/// By the name of the descriptors auth knows how to speak with who comes.
fn socket_text(service: &str, place: Place, udp_sockets: usize) -> String {
    let name = match place.transport {
        None | Some(Transport::Udp | Transport::Tcp) => "dns",
        Some(Transport::Tls) => "dns-tls",
        Some(Transport::Https) => "dns-https",
        Some(Transport::Quic) => "dns-quic",
    };
    let proxy = if place.proxy { PROXY } else { "" };
    let mut text = format!("{HEADER}[Socket]\nService={service}\nFileDescriptorName={name}{proxy}\n");
    if place.takes_datagrams() {
        for _ in 0..udp_sockets {
            let _ = writeln!(text, "ListenDatagram={}", place.address);
        }
    }
    if place.takes_streams() {
        let _ = writeln!(text, "ListenStream={}", place.address);
    }
    text
}

fn service_text(sockets: &[String]) -> String {
    let sockets = sockets.join(" ");
    format!("{HEADER}[Unit]\nWants={sockets}\nAfter={sockets}\n\n[Service]\nSockets={sockets}\n")
}

fn target_text(instances: u8) -> String {
    let services: Vec<String> = (1..=instances).map(service_name).collect();
    format!("{HEADER}[Unit]\nWants={}\n", services.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(addresses: &[&str], udp_sockets: usize, instances: u8) -> Layout {
        let place = |a: &&str| Place { address: a.parse().unwrap(), transport: None, proxy: false };
        let addresses = addresses.iter().map(place).collect();
        Layout::of(&ListenRequest { generation: 1, udp_sockets, instances, addresses })
    }

    #[test]
    fn a_socket_unit_holds_one_group_of_udp_sockets_and_a_tcp_listener() {
        let layout = layout(&["[2001:db8::1]:53"], 2, 1);
        assert_eq!(
            layout.text("tenon-auth@1-2001:db8::1-53.socket").unwrap(),
            format!(
                "{HEADER}[Socket]\nService=tenon-auth@1.service\nFileDescriptorName=dns\n\
                 ListenDatagram=[2001:db8::1]:53\nListenDatagram=[2001:db8::1]:53\nListenStream=[2001:db8::1]:53\n"
            )
        );
    }

    #[test]
    fn a_transport_has_a_unit_of_its_own() {
        let address = "192.0.2.1:853".parse().unwrap();
        let place = |transport, proxy| Place { address, transport: Some(transport), proxy };
        let addresses = vec![
            place(Transport::Udp, true),
            place(Transport::Tls, false),
            place(Transport::Https, true),
            place(Transport::Quic, false),
        ];
        let layout = Layout::of(&ListenRequest { generation: 1, udp_sockets: 2, instances: 1, addresses });
        let common = format!("{HEADER}[Socket]\nService=tenon-auth@1.service\nFileDescriptorName=");
        assert_eq!(
            layout.text("tenon-auth@1-192.0.2.1-853-udp-proxy.socket").unwrap(),
            format!("{common}dns-proxy\nListenDatagram=192.0.2.1:853\nListenDatagram=192.0.2.1:853\n")
        );
        assert_eq!(
            layout.text("tenon-auth@1-192.0.2.1-853-tls.socket").unwrap(),
            format!("{common}dns-tls\nListenStream=192.0.2.1:853\n")
        );
        assert_eq!(
            layout.text("tenon-auth@1-192.0.2.1-853-https-proxy.socket").unwrap(),
            format!("{common}dns-https-proxy\nListenStream=192.0.2.1:853\n")
        );
        assert_eq!(
            layout.text("tenon-auth@1-192.0.2.1-853-quic.socket").unwrap(),
            format!("{common}dns-quic\nListenDatagram=192.0.2.1:853\nListenDatagram=192.0.2.1:853\n")
        );
    }

    #[test]
    fn only_what_changed_is_opened_and_closed() {
        let before = layout(&["192.0.2.1:53", "192.0.2.2:53"], 2, 2);
        let after = layout(&["192.0.2.1:53", "192.0.2.3:53"], 2, 1);
        let difference = before.difference(&after);
        assert_eq!(difference.opened, ["tenon-auth@1-192.0.2.3-53.socket".to_owned()].into());
        assert!(difference.closed.contains("tenon-auth@1-192.0.2.2-53.socket"));
        assert!(!difference.closed.contains("tenon-auth@1-192.0.2.1-53.socket"));
        assert_eq!(difference.ended, ["tenon-auth@2.service".to_owned()].into());
    }

    #[test]
    fn a_changed_number_of_sockets_reopens_the_group() {
        let difference = layout(&["192.0.2.1:53"], 1, 1).difference(&layout(&["192.0.2.1:53"], 2, 1));
        assert_eq!(difference.opened, difference.closed);
        assert_eq!(difference.opened.len(), 1);
    }

    #[test]
    fn what_is_written_is_read_back_and_what_is_gone_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let (two, one) = (layout(&["192.0.2.1:53", "[::1]:53"], 1, 2), layout(&["192.0.2.1:53"], 1, 1));
        two.write(directory.path()).unwrap();
        assert_eq!(Layout::read(directory.path()).unwrap(), two);
        one.write(directory.path()).unwrap();
        assert_eq!(Layout::read(directory.path()).unwrap(), one);
    }

    #[test]
    fn drop_ins_of_others_stay() {
        let directory = tempfile::tempdir().unwrap();
        let theirs = directory.path().join("tenon-auth@1.service.d/local.conf");
        std::fs::create_dir_all(theirs.parent().unwrap()).unwrap();
        std::fs::write(&theirs, "[Service]\n").unwrap();
        layout(&["192.0.2.1:53"], 1, 1).write(directory.path()).unwrap();
        Layout::default().write(directory.path()).unwrap();
        assert!(theirs.exists());
        assert_eq!(Layout::read(directory.path()).unwrap(), Layout::default());
    }
}
