FROM node:24-slim AS build
WORKDIR /gateway
COPY package.json package-lock.json ./
# Nothing that compiles the gateway needs an install script.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json ./
COPY src ./src
COPY scripts ./scripts
RUN npm run bundle

# Key Protect for a laptop: `docker build --target emulator`. The gateway's image is the last one.
FROM build AS emulator
ENV EMULATOR_HOST=0.0.0.0
USER 1000:1000
EXPOSE 8080
ENTRYPOINT ["node", "--import", "tsx", "src/emulator/main.ts"]

# Starts the gateway once and ends it, without any upstream: node keeps what it compiled. It reads
# that only in the same path, under the same user and with the same flags as below.
FROM node:24-slim AS compiled
WORKDIR /gateway
COPY --from=build /gateway/bundle ./bundle
COPY package.json ./
RUN install --directory --owner=1000 --group=1000 compiled
USER 1000:1000
ENV NODE_COMPILE_CACHE=/gateway/compiled
RUN KP_SERVICE_URL=http://127.0.0.1:9 IAM_AUTH_URL=http://127.0.0.1:9 \
  KP_INSTANCE_ID=00000000-0000-4000-8000-000000000000 IBMCLOUD_API_KEY=none \
  timeout --preserve-status 5 node --disable-sigusr1 --max-semi-space-size=32 --no-allocation-site-pretenuring bundle/main.js \
  && chmod -R a+rX compiled

FROM node:24-slim
# docker build --build-arg VERSION="$(npm pkg get version)" --build-arg REVISION="$(git rev-parse HEAD)"
ARG VERSION=unversioned
ARG REVISION=unknown
LABEL org.opencontainers.image.title="keyprotect-gateway" \
  org.opencontainers.image.description="A gRPC service through which internal microservices use IBM Key Protect." \
  org.opencontainers.image.licenses="Apache-2.0" \
  org.opencontainers.image.version="$VERSION" \
  org.opencontainers.image.revision="$REVISION"
# Without this folder, or under another user, node compiles at each start.
ENV NODE_ENV=production NODE_COMPILE_CACHE=/gateway/compiled
WORKDIR /gateway
# One file with all libraries, a few that are loaded when they are used, and the licences of all.
COPY --from=build /gateway/bundle ./bundle
COPY --from=compiled /gateway/compiled ./compiled
# The version, and that the files are ES modules.
COPY package.json ./
# The image's `node` user by number: Kubernetes cannot tell that a name is not root. It owns none of the files.
USER 1000:1000
# gRPC, and HTTP for metrics and probes. Both listen on loopback until GATEWAY_LISTEN and GATEWAY_ADMIN_LISTEN say more.
EXPOSE 50051 9464
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:9464/livez').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# As `npm start`. With less room for young objects, collecting them costs some 5 % of the processor time under load.
# SIGUSR1 must not open the inspector, not even before main.js runs. Node 20 lacks this flag.
ENTRYPOINT ["node", "--disable-sigusr1", "--max-semi-space-size=32", "--no-allocation-site-pretenuring", "bundle/main.js"]
