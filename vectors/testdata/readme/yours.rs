//! The framer that the Rust snippet of README.md calls as the user's own.

pub fn read_frames(
    mut rest: &[u8],
    framing: &str,
    max_payload: u64,
) -> (Vec<(u64, Vec<u8>)>, Option<&'static str>) {
    let header_size = if framing == "enhanced" { 18 } else { 4 };
    let mut frames = Vec::new();
    while !rest.is_empty() {
        if rest.len() < header_size {
            return (frames, Some("truncated"));
        }
        let (header, behind) = rest.split_at(header_size);
        let (mut size, mut id, mut crc) = (number(&header[..4]) as i64, 0, None);
        if framing == "enhanced" {
            if &header[..2] != b"PY" {
                return (frames, Some("bad_magic"));
            }
            size = number(&header[2..6]) as i64 - 18;
            id = number(&header[6..14]);
            crc = Some(number(&header[14..]) as u32);
        }
        if size < 0 {
            return (frames, Some("bad_length"));
        }
        if size as u64 > max_payload {
            return (frames, Some("too_large"));
        }
        if behind.len() < size as usize {
            return (frames, Some("truncated"));
        }
        let (payload, next) = behind.split_at(size as usize);
        if crc.is_some_and(|crc| crc != crc32c(payload)) {
            return (frames, Some("bad_crc"));
        }
        frames.push((id, payload.to_vec()));
        rest = next;
    }
    (frames, None)
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |n, b| n << 8 | u64::from(*b))
}

fn crc32c(data: &[u8]) -> u32 {
    let mut register = u32::MAX;
    for byte in data {
        register ^= u32::from(*byte);
        for _ in 0..8 {
            register = register >> 1 ^ if register & 1 == 1 { 0x82F6_3B78 } else { 0 };
        }
    }
    !register
}
