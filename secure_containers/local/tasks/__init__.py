"""Tasks of Amazon ECS, each container a process of this machine, and the services that keep them running.

Programs stand for images as they do for jobs. Each task has an address of its own on the loopback, as it has a network
interface on AWS: `HOST` names it, and the program listens there on the port of its container. Load balancers and health
checks reach it there. A container for which no program stands is left out of a task that has another one.
"""
