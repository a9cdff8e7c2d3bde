# The service and the dashboard; no torch inside.
FROM python:3.13-slim
WORKDIR /app
COPY . .
# A number, so that Kubernetes can see that it is not root.
RUN pip install --no-cache-dir -c constraints.txt ".[server,dashboard]" \
    && rm -rf /app/* \
    && useradd --create-home --uid 10001 fadewatch
USER 10001
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
CMD ["fadewatch", "server"]
