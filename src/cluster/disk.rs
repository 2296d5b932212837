//! A node's disk: what was appended, what the operating system has, what is flushed.
//!
//! ```text
//! append -> buffered --flush begins--> written --flush ends--> flushed
//!           lost by any crash          kept by a process       kept by all
//!                                      crash                   but disk loss
//! ```
//!
//! One flush is in flight at a time; whatever is appended meanwhile shares the next one (group commit).

use crate::base::command::CrashKind;
use crate::protocol::{DiskPosition, Durable};
use std::collections::VecDeque;

/// A disk holding `D`.
#[derive(Clone, Debug)]
pub struct Disk<D: Durable> {
    flushed: D,
    tail: VecDeque<D::Record>,
    flushed_upto: DiskPosition,
    /// The end of the flush in flight, if any: everything up to it is written.
    in_flight: Option<DiskPosition>,
    wants_flush: bool,
    /// Records made durable over all incarnations.
    kept: u64,
}

impl<D: Durable> Default for Disk<D> {
    fn default() -> Self {
        Disk {
            flushed: D::default(),
            tail: VecDeque::new(),
            flushed_upto: DiskPosition(0),
            in_flight: None,
            wants_flush: false,
            kept: 0,
        }
    }
}

impl<D: Durable> Disk<D> {
    /// Takes a record into memory.
    pub fn append(&mut self, record: D::Record) {
        self.tail.push_back(record);
    }

    /// Asks for a flush of everything appended so far. Returns whether one begins now; it does not while another
    /// is in flight, while the disk is full, or when there is nothing to flush.
    pub fn request_flush(&mut self, is_full: bool) -> bool {
        if self.tail.is_empty() {
            return false;
        }
        self.wants_flush = true;
        self.begin(is_full)
    }

    /// Begins the flush that is wanted, if one is and nothing stands against it.
    pub fn begin(&mut self, is_full: bool) -> bool {
        let can_begin = self.wants_flush && self.in_flight.is_none() && !is_full && !self.tail.is_empty();
        if can_begin {
            self.wants_flush = false;
            self.in_flight = Some(DiskPosition(self.flushed_upto.0 + self.tail.len() as u64));
        }
        can_begin
    }

    /// The records that the flush in flight makes safe.
    pub fn in_flight(&self) -> impl Iterator<Item = &D::Record> {
        let count = self.in_flight.map_or(0, |upto| upto.0.saturating_sub(self.flushed_upto.0));
        self.tail.iter().take(count as usize)
    }

    /// What is safe.
    pub fn flushed(&self) -> &D {
        &self.flushed
    }

    /// The flush in flight is done: up to which position everything is safe now.
    pub fn finish(&mut self) -> Option<DiskPosition> {
        let upto = self.in_flight.take()?;
        self.absorb(upto);
        Some(upto)
    }

    fn absorb(&mut self, upto: DiskPosition) {
        while self.flushed_upto < upto {
            let Some(record) = self.tail.pop_front() else { break };
            self.flushed.persist(&record);
            self.flushed_upto.0 += 1;
            self.kept += 1;
        }
    }

    /// The node crashes. Returns how many appended records are gone.
    pub fn crash(&mut self, kind: CrashKind) -> u64 {
        match kind {
            CrashKind::Process => {
                if let Some(written) = self.in_flight {
                    self.absorb(written);
                }
            }
            CrashKind::Power => {}
            CrashKind::DiskLoss => {
                self.flushed = D::default();
                self.kept = 0;
            }
        }
        let lost = self.tail.len() as u64;
        self.tail.clear();
        self.in_flight = None;
        self.wants_flush = false;
        self.flushed_upto = DiskPosition(0);
        lost
    }

    /// What a starting node finds.
    pub fn image(&self) -> D {
        self.flushed.clone()
    }

    /// What is flushed, on a disk of its own that nobody is writing to.
    #[must_use]
    pub fn backup(&self) -> Disk<D> {
        Disk { flushed: self.flushed.clone(), kept: self.kept, ..Disk::default() }
    }

    /// Records on the disk.
    pub fn kept(&self) -> u64 {
        self.kept
    }

    /// Records appended but not flushed.
    pub fn unflushed(&self) -> usize {
        self.tail.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug, Default, PartialEq)]
    struct Notes(Vec<u8>);
    impl Durable for Notes {
        type Record = u8;
        fn persist(&mut self, record: &u8) {
            self.0.push(*record);
        }
    }

    fn three_stages() -> Disk<Notes> {
        let mut disk = Disk::default();
        disk.append(1);
        assert!(disk.request_flush(false));
        assert_eq!(disk.finish(), Some(DiskPosition(1)));
        disk.append(2);
        assert!(disk.request_flush(false));
        disk.append(3);
        assert!(!disk.request_flush(false), "one flush in flight");
        disk
    }

    #[test]
    fn each_crash_keeps_what_its_kind_says() {
        for (kind, kept) in
            [(CrashKind::Process, vec![1, 2]), (CrashKind::Power, vec![1]), (CrashKind::DiskLoss, vec![])]
        {
            let mut disk = three_stages();
            disk.crash(kind);
            assert_eq!(disk.image(), Notes(kept), "{kind:?}");
        }
    }

    #[test]
    fn what_waits_shares_the_next_flush() {
        let mut disk = three_stages();
        disk.append(4);
        assert_eq!(disk.finish(), Some(DiskPosition(2)));
        assert!(disk.begin(false));
        assert_eq!(disk.finish(), Some(DiskPosition(4)));
        assert_eq!(disk.image(), Notes(vec![1, 2, 3, 4]));
    }

    #[test]
    fn a_full_disk_begins_no_flush_and_goes_on_when_it_has_room() {
        let mut disk: Disk<Notes> = Disk::default();
        disk.append(1);
        assert!(!disk.request_flush(true));
        assert!(disk.begin(false));
        assert_eq!(disk.finish(), Some(DiskPosition(1)));
    }
}
