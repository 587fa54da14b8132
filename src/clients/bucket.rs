//! The door to S3: objects below a bucket, within limits.
