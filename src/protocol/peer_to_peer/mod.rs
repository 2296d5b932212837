//! peer_to_peer
