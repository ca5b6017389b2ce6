//! Fuzz targets of the wire: ISO 8583 bodies and frames, the JSON of 3-D Secure. Whatever comes is read or refused, and what is read is
//! written back as it was.

use crate::harness::{kind, run};
use crate::iso8583::{Dialect, Framer};
use crate::threeds::{Request, Said, read_ranges, read_result_request};

#[test]
fn iso8583_bodies_and_frames() {
    let dialect = Dialect::link();
    let words: &[&[u8]] =
        &[b"0200", b"0110", b"0421", b"F23C", b"8000000000000000", b"16", b"999", b"\0\x10", b"4242424242424242"];
    run("iso8583", words, |input| {
        let mut framer = Framer::new(&dialect.framing);
        // In parts, as a socket gives it.
        input.chunks(7).for_each(|part| framer.push(part));
        let mut frames = 0u32;
        let framed = loop {
            match framer.next_frame() {
                Ok(Some(_)) => frames += 1,
                Ok(None) => break true,
                Err(_) => break false,
            }
        };
        let read = match dialect.decode(input) {
            Ok(message) => {
                let again = dialect.encode(&message).expect("what was read can be written");
                assert!(dialect.decode(&again).expect("what was written can be read").same_as(&message));
                let elements: Vec<u8> = message.iter().map(|(de, _)| de).collect();
                kind(elements)
            }
            Err(error) => kind(format!("{error:?}").split(|c: char| c.is_ascii_digit()).next().unwrap_or("").len()),
        };
        kind((read, frames.min(4), framed))
    });
}

#[test]
fn threeds_json() {
    let words: &[&[u8]] = &[
        b"\"transStatus\":\"C\"",
        b"\"eci\":\"05\"",
        b"\"messageType\":\"RReq\"",
        b"\"ResultReq\"",
        b"\"acsTransID\":\"d7c1ee99-9478-44a6-b1f2-391e29c6b340\"",
        b"null",
        b"1e999",
        b"\\u0000",
        b"[[[[",
    ];
    run("threeds", words, |input| {
        let asked = Request::read(input).map(|request| {
            let again = Request::read(request.write().as_bytes()).expect("what was read can be written");
            assert!((again.amount, again.mandated) == (request.amount, request.mandated));
        });
        let said = ["ARes", "RReq"].map(|name| {
            Said::read(input, name).map(|said| {
                let again = Said::read(said.write(name).as_bytes(), name).expect("what was read can be written");
                assert!(again.status == said.status && again.eci == said.eci);
            })
        });
        let ranges = read_ranges(input).map(|ranges| ranges.len());
        let result = read_result_request(input).is_ok();
        kind((asked.map_err(|e| e.0), said.map(|s| s.map_err(|e| e.0)), ranges.map_err(|e| e.0), result))
    });
}
