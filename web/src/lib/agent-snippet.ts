// The compose file with which the agent of a host is started.

export function agentSnippet({ role, password }: { role: string; password: string }): string {
  const user = encodeURIComponent(role)
  return `services:
  agent:
    image: docker-archiver-agent
    restart: unless-stopped
    environment:
      # the address at which this machine reaches the server's database
      DATABASE_URL: postgres://${user}:${encodeURIComponent(password)}@ADDRESS:5432/archiver
    volumes:
      - /var/run/docker.sock:/var/run/docker.sock
      - ./archives:/archives
      # the folder that holds your stacks, at the same path on both sides
      - /srv/stacks:/srv/stacks
`
}
