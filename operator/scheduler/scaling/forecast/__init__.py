"""What the load may become before a new pod can serve, learned from the workload's own past.

A *season* is a curve of the usual day (and week); several compete. A *nowcast* corrects it by what was seen in the
last minutes, and is what the floor is made of. Both must prove themselves on days that they have not seen, or nothing
is forecast. A forecast may only raise the floor: it never takes a pod away.
"""
