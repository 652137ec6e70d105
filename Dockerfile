# Debian, not Alpine: Temporal's native bridge is built for glibc only.
FROM node:24.21.0-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
COPY app ./app
RUN npm run build

FROM node:24.21.0-bookworm-slim
# The native bridge trusts the system's root certificates, and slim images have none: TLS to Temporal would fail with
# NativeCertsNotFound (temporalio/sdk-typescript#1584).
RUN apt-get update \
  && apt-get install -y --no-install-recommends ca-certificates \
  && rm -rf /var/lib/apt/lists/*
ENV NODE_ENV=production TZ=UTC
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev && npm cache clean --force
COPY --from=build /app/dist ./dist
# Where 0.5 had its programs: a container that is told to run one by its old name does so.
RUN ln -s app/main.js dist/worker.js && ln -s app/http.js dist/http.js \
  && ln -s app/cli.js dist/cli.js && ln -s app/prepare-database.js dist/prepare-database.js
ENV POSTDATE_WORKFLOW_BUNDLE=/app/dist/workflows.bundle.js
USER node
CMD ["node", "dist/app/main.js"]
