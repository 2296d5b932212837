//! primary_replica
