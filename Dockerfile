# docker build -t yunti . && docker run -p 8080:8080 -v yunti:/var/lib/yunti yunti
FROM rust:1.95-bookworm AS build
WORKDIR /yunti
COPY . .
RUN ./scripts/setup && cargo build --release --locked

FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates glib-networking \
      gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly \
      gstreamer1.0-libav libgstrtspserver-1.0-0 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --home /var/lib/yunti --create-home yunti
COPY --from=build /yunti/target/release/yunti /usr/bin/yunti
COPY --from=build /yunti/.deps/onnxruntime-current/libonnxruntime.so /usr/lib/yunti/libonnxruntime.so
COPY --from=build /yunti/models /usr/share/yunti/models
ENV ORT_DYLIB_PATH=/usr/lib/yunti/libonnxruntime.so YUNTI_MODELS=/usr/share/yunti/models
USER yunti
EXPOSE 8080
VOLUME /var/lib/yunti
ENTRYPOINT ["yunti"]
CMD ["serve", "--data", "/var/lib/yunti", "--listen", "0.0.0.0:8080"]
