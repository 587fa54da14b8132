//! The door to http(s) URLs that users name: public addresses only, within limits.
