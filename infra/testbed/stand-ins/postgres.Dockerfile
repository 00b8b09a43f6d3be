# Stands in for the official image of PostgreSQL, as far as docker-compose.yml uses it.
ARG BASE
FROM ${BASE}
RUN apt-get update \
  && mkdir -p /etc/postgresql-common \
  && echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.conf \
  && apt-get install -y --no-install-recommends postgresql
COPY postgres-entrypoint.sh /entrypoint.sh
VOLUME /var/lib/postgresql
STOPSIGNAL SIGINT
ENTRYPOINT ["sh", "/entrypoint.sh"]
