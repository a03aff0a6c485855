# The small installation (lexical search). For the hybrid one: --build-arg EXTRAS="[embeddings]" and
# --build-arg INDEX="--extra-index-url https://download.pytorch.org/whl/cpu" for the CPU build of torch.
FROM python:3.13-slim
ARG EXTRAS=""
ARG INDEX=""
RUN useradd --create-home --uid 1000 membot && install -d -o membot -m 700 /data
WORKDIR /app
COPY pyproject.toml README.md LICENSE ./
COPY bots bots
COPY engine engine
COPY storage storage
RUN pip install --no-cache-dir ${INDEX} ".${EXTRAS}"
USER membot
WORKDIR /data
VOLUME /data
ENV MEMBOT_DATABASE_URL=sqlite:////data/membot.db
STOPSIGNAL SIGTERM
HEALTHCHECK CMD python -c "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8765/readyz', timeout=3)"
ENTRYPOINT ["membot"]
CMD ["run"]
