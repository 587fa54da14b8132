# The image: one static binary, the certificate authorities, nobody else. `make image` makes the same
# image as an OCI archive on machines without a Docker engine (manifests/image).
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN RUSTFLAGS="-C target-feature=+crt-static" \
    cargo build --release --locked --target "$(rustc -vV | sed -n 's/^host: //p')" \
 && cp target/*/release/stationmaster /stationmaster
# The dispatcher's own Deployment starts /manager.
RUN mkdir -p /root-fs/etc/ssl/certs \
 && cp /stationmaster /root-fs/ && ln -s stationmaster /root-fs/manager \
 && cp /etc/ssl/certs/ca-certificates.crt /root-fs/etc/ssl/certs/

FROM scratch
COPY --from=build /root-fs/ /
USER 65532:65532
ENTRYPOINT ["/stationmaster"]
