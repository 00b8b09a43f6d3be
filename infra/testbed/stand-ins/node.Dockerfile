# Stands in for the official image of Node: this machine's Node 24 and npm, with this machine's way to its packages.
ARG BASE
FROM ${BASE}
COPY node /usr/local/bin/node
COPY npm /usr/local/lib/node_modules/npm
COPY include /usr/local/include/node
COPY npmrc /usr/local/etc/npmrc
COPY certificates /etc/ssl/certs/ca-certificates.crt
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm \
  && groupadd --gid 1000 node \
  && useradd --uid 1000 --gid node --create-home node
CMD ["node"]
