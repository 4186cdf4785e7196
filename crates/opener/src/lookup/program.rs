//! The program that finds the sockets: a few instructions of the kernel's virtual machine, as an object file.
//!
//! Sources: instructions, RFC 9669; the record that it gets, `struct bpf_sk_lookup` of <linux/bpf.h>; what it may answer,
//! Documentation/bpf/prog_sk_lookup.rst of Linux.

use super::{HELD_PORT, PORT};
use object::write::{Error, Object, Relocation, SectionId, StandardSegment, Symbol, SymbolId, SymbolSection};
use object::{
    Architecture, BinaryFormat, Endianness, RelocationFlags, SectionKind, SymbolFlags, SymbolKind, SymbolScope, elf,
};
use std::net::IpAddr;

/// The name of the program in the object file.
pub(super) const PROGRAM: &str = "metadata";
/// That of the map in which its sockets are, in the order of their addresses.
pub(super) const SOCKETS: &str = "sockets";

/// `BPF_MAP_TYPE_SOCKMAP`.
const SOCKMAP: u32 = 15;

// Registers: the answer of a function, its arguments, what is kept over calls, and the end of the stack.
const ANSWER: u8 = 0;
const FIRST: u8 = 1;
const SECOND: u8 = 2;
const THIRD: u8 = 3;
const RECORD: u8 = 6;
const SOCKET: u8 = 7;
const KEY: u8 = 8;
const FAILED: u8 = 9;
const STACK: u8 = 10;

// Codes of instructions. Comparisons of 32 bits take a value with its sign.
const MOVE: u8 = 0xbf;
const SET: u8 = 0xb7;
const ADD: u8 = 0x07;
const LOAD: u8 = 0x61;
const STORE: u8 = 0x63;
const POINT: u8 = 0x18;
const CALL: u8 = 0x85;
const EXIT: u8 = 0x95;
const GO: u8 = 0x05;
const IF_EQUAL: u8 = 0x16;
const IF_OTHER: u8 = 0x56;
const IF_NONE: u8 = 0x15;
const IF_SOME: u8 = 0x55;

// Functions of the kernel.
const MAP_LOOKUP: i32 = 1;
const SK_RELEASE: i32 = 86;
const SK_ASSIGN: i32 = 124;
/// `BPF_SK_LOOKUP_F_REPLACE`: also where a program before this one has chosen another.
const REPLACE: i32 = 1;

// Members of the record.
const FAMILY: i16 = 8;
const PROTOCOL: i16 = 12;
const LOCAL_IPV4: i16 = 40;
const LOCAL_IPV6: i16 = 44;
const LOCAL_PORT: i16 = 60;
/// Since Linux 5.17: an older one does not load the program.
const DEVICE: i16 = 64;
/// `state` of `struct bpf_sock`.
const STATE: i16 = 72;

/// The index of the loopback device in every network namespace: it is the first that the kernel makes there
/// (`loopback_net_init`, Linux).
const LOOPBACK: i32 = 1;
const TCP: i32 = 6;
const IPV4: i32 = 2;
const IPV6: i32 = 10;
const LISTENS: i32 = 10;

/// The ends of the program, and the beginnings of its parts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The check of an address.
    Address(usize),
    /// The packet is for one of them.
    Ours,
    /// Its socket was chosen, or cannot be.
    Chosen,
    /// It has chosen, or leaves it to the kernel: the packet goes on.
    Pass,
    /// Nobody gets the packet, and who sent it is refused.
    Refuse,
}

/// Instructions, and the jumps whose way is not known yet.
#[derive(Default)]
struct Code {
    instructions: Vec<[u8; 8]>,
    jumps: Vec<(usize, Place)>,
    places: Vec<(Place, usize)>,
    /// The one that points to the map.
    point: usize,
}

impl Code {
    fn put(&mut self, code: u8, to: u8, from: u8, offset: i16, value: i32) {
        let ([o0, o1], [v0, v1, v2, v3]) = (offset.to_ne_bytes(), value.to_ne_bytes());
        self.instructions.push([code, to | from << 4, o0, o1, v0, v1, v2, v3]);
    }

    fn load(&mut self, to: u8, from: u8, member: i16) {
        self.put(LOAD, to, from, member, 0);
    }

    fn jump(&mut self, code: u8, register: u8, value: i32, place: Place) {
        self.jumps.push((self.instructions.len(), place));
        self.put(code, register, 0, 0, value);
    }

    fn begin(&mut self, place: Place) {
        self.places.push((place, self.instructions.len()));
    }

    fn end(&mut self, place: Place, answer: i32) {
        self.begin(place);
        self.put(SET, ANSWER, 0, 0, answer);
        self.put(EXIT, 0, 0, 0, 0);
    }

    /// The instructions as they are loaded.
    fn finish(mut self) -> Vec<u8> {
        for (at, to) in self.jumps {
            let place = self.places.iter().find(|(place, _)| *place == to).map_or(0, |(_, place)| *place);
            let way = i16::try_from(place.saturating_sub(at + 1)).unwrap_or_default();
            if let Some(instruction) = self.instructions.get_mut(at) {
                instruction[2..4].copy_from_slice(&way.to_ne_bytes());
            }
        }
        self.instructions.concat()
    }
}

/// The program for these addresses.
fn code(addresses: &[IpAddr]) -> Code {
    let mut code = Code::default();
    code.put(MOVE, RECORD, FIRST, 0, 0);
    code.load(FIRST, RECORD, PROTOCOL);
    code.jump(IF_OTHER, FIRST, TCP, Place::Pass);
    // Packets that come over another device are not of this namespace, and not for us.
    code.load(FIRST, RECORD, DEVICE);
    code.jump(IF_OTHER, FIRST, LOOPBACK, Place::Pass);
    for (at, address) in addresses.iter().enumerate() {
        let next = if at + 1 < addresses.len() { Place::Address(at + 1) } else { Place::Pass };
        code.begin(Place::Address(at));
        code.load(FIRST, RECORD, FAMILY);
        let (family, member, bytes) = match address {
            IpAddr::V4(address) => (IPV4, LOCAL_IPV4, address.octets().to_vec()),
            IpAddr::V6(address) => (IPV6, LOCAL_IPV6, address.octets().to_vec()),
        };
        code.jump(IF_OTHER, FIRST, family, next);
        for (word, member) in bytes.as_chunks::<4>().0.iter().zip((member..).step_by(4)) {
            code.load(FIRST, RECORD, member);
            code.jump(IF_OTHER, FIRST, i32::from_ne_bytes(*word), next);
        }
        code.load(FIRST, RECORD, LOCAL_PORT);
        code.jump(IF_EQUAL, FIRST, HELD_PORT.into(), Place::Refuse);
        code.jump(IF_OTHER, FIRST, PORT.into(), Place::Pass);
        code.put(SET, KEY, 0, 0, i32::try_from(at).unwrap_or_default());
        code.jump(GO, 0, 0, Place::Ours);
    }
    code.begin(Place::Ours);
    give(&mut code);
    code.end(Place::Pass, 1);
    code.end(Place::Refuse, 0);
    code
}

/// Gives the packet to the socket of the map. One that is not there or does not listen refuses it: nobody else gets it.
fn give(code: &mut Code) {
    code.put(STORE, STACK, KEY, -4, 0);
    code.point = code.instructions.len();
    code.put(POINT, FIRST, 0, 0, 0);
    code.put(0, 0, 0, 0, 0);
    code.put(MOVE, SECOND, STACK, 0, 0);
    code.put(ADD, SECOND, 0, 0, -4);
    code.put(CALL, 0, 0, 0, MAP_LOOKUP);
    code.jump(IF_NONE, ANSWER, 0, Place::Refuse);
    code.put(MOVE, SOCKET, ANSWER, 0, 0);
    code.put(SET, FAILED, 0, 0, 1);
    code.load(FIRST, SOCKET, STATE);
    code.jump(IF_OTHER, FIRST, LISTENS, Place::Chosen);
    code.put(MOVE, FIRST, RECORD, 0, 0);
    code.put(MOVE, SECOND, SOCKET, 0, 0);
    code.put(SET, THIRD, 0, 0, REPLACE);
    code.put(CALL, 0, 0, 0, SK_ASSIGN);
    code.put(MOVE, FAILED, ANSWER, 0, 0);
    code.begin(Place::Chosen);
    code.put(MOVE, FIRST, SOCKET, 0, 0);
    code.put(CALL, 0, 0, 0, SK_RELEASE);
    code.jump(IF_SOME, FAILED, 0, Place::Refuse);
}

/// The object file of the program for these addresses.
pub(super) fn object(addresses: &[IpAddr]) -> Result<Vec<u8>, Error> {
    let code = code(addresses);
    let offset = u64::try_from(code.point).unwrap_or_default() * 8;
    let mut object = Object::new(BinaryFormat::Elf, Architecture::Bpf, Endianness::default());
    let data = object.segment_name(StandardSegment::Data).to_vec();
    let maps = object.add_section(data.clone(), b"maps".to_vec(), SectionKind::Data);
    // Type, bytes of a key and of a value, entries, flags.
    let (entries, word) = (u32::try_from(addresses.len()).unwrap_or_default(), 4_u32);
    let map = [SOCKMAP, word, word, entries, 0].map(u32::to_ne_bytes).concat();
    let map = symbol(&mut object, maps, (SOCKETS, SymbolKind::Data), &map);
    let text = object.segment_name(StandardSegment::Text).to_vec();
    let section = object.add_section(text, format!("sk_lookup/{PROGRAM}").into_bytes(), SectionKind::Text);
    symbol(&mut object, section, (PROGRAM, SymbolKind::Text), &code.finish());
    let flags = RelocationFlags::Elf { r_type: elf::R_BPF_64_64 };
    object.add_relocation(section, Relocation { offset, symbol: map, addend: 0, flags })?;
    let license = object.add_section(data, b"license".to_vec(), SectionKind::Data);
    object.append_section_data(license, b"MIT OR Apache-2.0\0", 1);
    object.write()
}

fn symbol(object: &mut Object<'_>, section: SectionId, (name, kind): (&str, SymbolKind), bytes: &[u8]) -> SymbolId {
    object.append_section_data(section, bytes, 8);
    object.add_symbol(Symbol {
        name: name.as_bytes().to_vec(),
        value: 0,
        size: u64::try_from(bytes.len()).unwrap_or_default(),
        kind,
        scope: SymbolScope::Dynamic,
        weak: false,
        section: SymbolSection::Section(section),
        flags: SymbolFlags::None,
    })
}
