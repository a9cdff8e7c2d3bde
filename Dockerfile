# The service and the dashboard; no torch inside.
FROM python:3.13-slim
WORKDIR /app
COPY . .
RUN pip install --no-cache-dir ".[server,dashboard]" \
    && rm -rf /app/* \
    && useradd --create-home fadewatch
USER fadewatch
ENV PYTHONUNBUFFERED=1
CMD ["fadewatch", "server"]
