# syntax=docker/dockerfile:1
# The scopewatch image: the program built from this folder, with its rules and schemas.
#   docker compose build        the first build compiles RocksDB and every dependency; caches make the next ones quick

FROM rust:1.95-bookworm AS build
WORKDIR /src
ENV XDG_CACHE_HOME=/cache
COPY .ci .ci
COPY Cargo.toml ./
RUN .ci/install build rocksdb && rm -rf /var/lib/apt/lists/*
COPY . .
# The cache mounts keep the RocksDB archive, the crates and their objects from one build to the next.
RUN --mount=type=cache,target=/cache \
    --mount=type=cache,target=/usr/local/cargo/registry \
    make build PROFILE=release && \
    install -D -t /out /cache/scopewatch/target/release/scopewatch

FROM debian:bookworm-slim
# librdkafka links libssl3 and zlib1g; the health check calls curl.
RUN apt-get update -qq && \
    apt-get install -y -qq --no-install-recommends ca-certificates curl libssl3 libstdc++6 zlib1g && \
    rm -rf /var/lib/apt/lists/* && \
    useradd --system --uid 10001 --home-dir /var/lib/scopewatch --create-home scopewatch && \
    install -d -o scopewatch -g scopewatch /etc/scopewatch /etc/scopewatch/keys \
        /etc/scopewatch/rules/scopes/simulated
COPY --from=build /out/scopewatch /usr/local/bin/scopewatch
COPY rules /etc/scopewatch/rules
COPY schemas /etc/scopewatch/schemas
USER scopewatch
# Relative paths in the configuration (rules, schemas/mappings/…) start here.
WORKDIR /etc/scopewatch
VOLUME /var/lib/scopewatch
ENV SCOPEWATCH_STORE__PATH=/var/lib/scopewatch \
    SCOPEWATCH_RULES__PATH=/etc/scopewatch/rules \
    SCOPEWATCH_HTTP__LISTEN=0.0.0.0:9464
EXPOSE 9464
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --retries=6 \
    CMD curl -fsS -o /dev/null http://127.0.0.1:9464/readyz
ENTRYPOINT ["scopewatch"]
CMD ["run"]
