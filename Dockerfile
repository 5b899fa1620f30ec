FROM node:24-slim AS build
WORKDIR /gateway
COPY package.json package-lock.json ./
# Nothing that compiles the gateway needs an install script.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
RUN npm run build

# Key Protect for a laptop: `docker build --target emulator`. The gateway's image is the last one.
FROM build AS emulator
ENV EMULATOR_HOST=0.0.0.0
USER 1000:1000
EXPOSE 8080
ENTRYPOINT ["node", "--import", "tsx", "src/emulator/main.ts"]

FROM node:24-slim AS dependencies
WORKDIR /gateway
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM node:24-slim
# docker build --build-arg VERSION="$(npm pkg get version)" --build-arg REVISION="$(git rev-parse HEAD)"
ARG VERSION=unversioned
ARG REVISION=unknown
LABEL org.opencontainers.image.title="keyprotect-gateway" \
  org.opencontainers.image.description="A gRPC service through which internal microservices use IBM Key Protect." \
  org.opencontainers.image.licenses="Apache-2.0" \
  org.opencontainers.image.version="$VERSION" \
  org.opencontainers.image.revision="$REVISION"
ENV NODE_ENV=production
WORKDIR /gateway
COPY --from=dependencies /gateway/node_modules ./node_modules
COPY --from=build /gateway/dist ./dist
# Says that dist is made of ES modules.
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
ENTRYPOINT ["node", "--disable-sigusr1", "--max-semi-space-size=32", "dist/main.js"]
