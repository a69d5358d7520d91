//! Who waits for the head of a branch, in order of arrival.

use bytes::Bytes;

use crate::codec::{DecodeError, Reader, put_varint};

const FORMAT: u8 = 1;

/// How long a merge may be silent that stands in line, by the clocks of the servers: one whose clock is ahead takes
/// others for dead too early, which costs these their turn and nothing else.
pub(super) const LEASE_US: u64 = 30_000_000;

/// Names a merge that stands in line, and never another one.
pub(super) type Ticket = [u8; 16];

/// The merges that wait for the head of one branch, the first of which has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Line(Vec<Stand>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stand {
    ticket: Ticket,
    /// Until when it may be silent.
    lease_us: u64,
}

impl Stand {
    fn is_alive(&self, now_us: u64) -> bool {
        self.lease_us >= now_us
    }
}

impl Line {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns whose turn it is: the first who is heard of.
    pub(super) fn holder(&self, now_us: u64) -> Option<Ticket> {
        let first = self.0.iter().find(|stand| stand.is_alive(now_us));
        first.map(|stand| stand.ticket)
    }

    /// Returns the line with a merge in it: where it stood, if it was heard of in time, else at the end. Who is not
    /// heard of leaves. A lease is renewed once half of it is over: who looks often writes seldom.
    #[must_use]
    pub(super) fn with(&self, ticket: Ticket, now_us: u64) -> Line {
        let mut line = self.alive(now_us);
        let renewed = Stand {
            ticket,
            lease_us: now_us + LEASE_US,
        };
        match line.0.iter_mut().find(|stand| stand.ticket == ticket) {
            Some(stand) if stand.is_alive(now_us + LEASE_US / 2) => {}
            Some(stand) => *stand = renewed,
            None => line.0.push(renewed),
        }
        line
    }

    /// Returns the line without a merge.
    #[must_use]
    pub(super) fn without(&self, ticket: Ticket, now_us: u64) -> Line {
        let mut line = self.alive(now_us);
        line.0.retain(|stand| stand.ticket != ticket);
        line
    }

    fn alive(&self, now_us: u64) -> Line {
        Line(
            self.0
                .iter()
                .filter(|stand| stand.is_alive(now_us))
                .copied()
                .collect(),
        )
    }

    pub(super) fn encode(&self) -> Bytes {
        let mut out = vec![FORMAT];
        put_varint(&mut out, self.0.len() as u64);
        for stand in &self.0 {
            out.extend(stand.ticket);
            put_varint(&mut out, stand.lease_us);
        }
        out.into()
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Line, DecodeError> {
        let mut reader = Reader::new(bytes);
        match reader.byte()? {
            FORMAT => {}
            other => return Err(DecodeError::Tag(other.into())),
        }
        let mut line = Line::default();
        for _ in 0..reader.length()? {
            line.0.push(Stand {
                ticket: reader.array()?,
                lease_us: reader.varint()?,
            });
        }
        reader.finish()?;
        Ok(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Ticket = [1; 16];
    const B: Ticket = [2; 16];
    const C: Ticket = [3; 16];

    fn line(tickets: &[Ticket], now_us: u64) -> Line {
        let empty = Line::default();
        tickets
            .iter()
            .fold(empty, |line, ticket| line.with(*ticket, now_us))
    }

    #[test]
    fn turns_are_taken_in_order_of_arrival() {
        let all = line(&[A, B, C, A], 0);
        assert_eq!(all.holder(0), Some(A));
        let rest = all.without(A, 0);
        assert_eq!(rest.holder(0), Some(B));
        assert_eq!(rest.without(C, 0).holder(0), Some(B));
        assert_eq!(line(&[A], 0).without(A, 0), Line::default());
    }

    #[test]
    fn who_is_not_heard_of_holds_up_nobody() {
        let all = line(&[A, B], 0).with(B, LEASE_US);
        assert_eq!(all.holder(LEASE_US), Some(A), "until the last moment");
        assert_eq!(all.holder(LEASE_US + 1), Some(B));
        assert_eq!(all.without(C, LEASE_US + 1), Line::default().with(B, LEASE_US));
    }

    #[test]
    fn who_was_given_up_comes_back_at_the_end() {
        let late = LEASE_US + 1;
        let again = line(&[A, B], 0).with(B, LEASE_US).with(A, late);
        assert_eq!(again.holder(late), Some(B), "A has not its old turn");
        assert_eq!(again.without(B, late).holder(late), Some(A));
    }

    #[test]
    fn a_lease_is_renewed_when_half_of_it_is_over() {
        let first = line(&[A], 0);
        assert_eq!(first.with(A, LEASE_US / 2), first);
        assert_ne!(first.with(A, LEASE_US / 2 + 1), first);
        assert_eq!(first.with(A, LEASE_US).holder(2 * LEASE_US), Some(A));
    }

    #[test]
    fn the_stored_form_stays_readable() {
        let mut golden = vec![1, 2];
        golden.extend(A);
        golden.extend([0x80, 0x87, 0xa7, 0x0e]);
        golden.extend(B);
        golden.extend([0x81, 0x87, 0xa7, 0x0e]);
        let line = line(&[A], 0).with(B, 1);
        assert_eq!(line.encode(), golden);
        assert_eq!(Line::decode(&golden), Ok(line));
        for bad in [&[][..], &[2, 0], &[1, 1], &[1, 0, 0]] {
            assert!(Line::decode(bad).is_err(), "{bad:?}");
        }
    }
}
