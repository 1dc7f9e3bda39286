"""An external scaler by gRPC's own library (PyPI: grpcio, protobuf): `serve PORT`, whose answers the metadata says; and a client
of one, as KEDA is: `ask PORT NAMESPACE NAME KEY=VALUE...`, which prints what it is told."""

import sys
import threading
import time
from concurrent import futures

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

FIELD = descriptor_pb2.FieldDescriptorProto
KINDS = {"string": FIELD.TYPE_STRING, "bool": FIELD.TYPE_BOOL, "int64": FIELD.TYPE_INT64, "double": FIELD.TYPE_DOUBLE}
MESSAGES = {
    "ScaledObjectRef": [("name", "string"), ("namespace", "string"), ("scalerMetadata", "map")],
    "IsActiveResponse": [("result", "bool")],
    "MetricSpec": [("metricName", "string"), ("targetSize", "int64"), ("targetSizeFloat", "double")],
    "GetMetricSpecResponse": [("metricSpecs", "[MetricSpec]")],
    "GetMetricsRequest": [("scaledObjectRef", "ScaledObjectRef"), ("metricName", "string")],
    "MetricValue": [("metricName", "string"), ("metricValue", "int64"), ("metricValueFloat", "double")],
    "GetMetricsResponse": [("metricValues", "[MetricValue]")],
}


def classes():
    file = descriptor_pb2.FileDescriptorProto(name="externalscaler.proto", package="externalscaler", syntax="proto3")
    for message, fields in MESSAGES.items():
        made = file.message_type.add(name=message)
        for number, (name, kind) in enumerate(fields, 1):
            many = kind.startswith("[") or kind == "map"
            label = FIELD.LABEL_REPEATED if many else FIELD.LABEL_OPTIONAL
            field = made.field.add(name=name, number=number, label=label)
            if kind in KINDS:
                field.type = KINDS[kind]
                continue
            field.type, other = FIELD.TYPE_MESSAGE, kind.strip("[]")
            if kind == "map":
                entry = made.nested_type.add(name="ScalerMetadataEntry")
                entry.options.map_entry = True
                for n, key in enumerate(["key", "value"], 1):
                    entry.field.add(name=key, number=n, label=FIELD.LABEL_OPTIONAL, type=FIELD.TYPE_STRING)
                other = message + ".ScalerMetadataEntry"
            field.type_name = ".externalscaler." + other
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    find = lambda name: pool.FindMessageTypeByName("externalscaler." + name)
    return {name: message_factory.GetMessageClass(find(name)) for name in MESSAGES}


SAY = classes()


def metrics(ref):
    """`values: one:12:5,two:30:10` is two metrics with their targets."""
    for part in ref.scalerMetadata["values"].split(","):
        name, value, target = part.split(":")
        yield name, float(value), float(target)


class Scaler:
    def IsActive(self, ref, context):
        if "refuse" in ref.scalerMetadata:
            context.abort(grpc.StatusCode.PERMISSION_DENIED, "not you")
        return SAY["IsActiveResponse"](result=ref.scalerMetadata["active"] == "true")

    def GetMetricSpec(self, ref, context):
        specs = [SAY["MetricSpec"](metricName=n, targetSize=int(t), targetSizeFloat=t % 1 and t) for n, _, t in metrics(ref)]
        return SAY["GetMetricSpecResponse"](metricSpecs=specs)

    def GetMetrics(self, asked, context):
        values = {n: v for n, v, _ in metrics(asked.scaledObjectRef)}
        value = values[asked.metricName]
        one = SAY["MetricValue"](metricName=asked.metricName, metricValue=int(value), metricValueFloat=value % 1 and value)
        return SAY["GetMetricsResponse"](metricValues=[one])

    def StreamIsActive(self, ref, context):
        for frame in ref.scalerMetadata["frames"].split(","):
            yield SAY["IsActiveResponse"](result=frame == "true")
        gone = threading.Event()
        context.add_callback(gone.set)
        gone.wait()


METHODS = {
    "IsActive": ("ScaledObjectRef", "IsActiveResponse", grpc.unary_unary_rpc_method_handler),
    "GetMetricSpec": ("ScaledObjectRef", "GetMetricSpecResponse", grpc.unary_unary_rpc_method_handler),
    "GetMetrics": ("GetMetricsRequest", "GetMetricsResponse", grpc.unary_unary_rpc_method_handler),
    "StreamIsActive": ("ScaledObjectRef", "IsActiveResponse", grpc.unary_stream_rpc_method_handler),
}


def serve(port):
    server, scaler = grpc.server(futures.ThreadPoolExecutor(8)), Scaler()
    handlers = {
        name: handler(getattr(scaler, name), SAY[asked].FromString, SAY[said].SerializeToString)
        for name, (asked, said, handler) in METHODS.items()
    }
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("externalscaler.ExternalScaler", handlers)])
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    server.wait_for_termination()


def ask(port, namespace, name, *pairs):
    channel = grpc.insecure_channel(f"127.0.0.1:{port}")
    ref = SAY["ScaledObjectRef"](name=name, namespace=namespace, scalerMetadata=dict(p.split("=") for p in pairs))

    def call(method, asked, opener):
        _, said, _ = METHODS[method]
        serialize, read = type(asked).SerializeToString, SAY[said].FromString
        return opener("/externalscaler.ExternalScaler/" + method, serialize, read)(asked, timeout=10)

    try:
        spec = call("GetMetricSpec", ref, channel.unary_unary).metricSpecs[0]
        wanted = SAY["GetMetricsRequest"](scaledObjectRef=ref, metricName=spec.metricName)
        value = call("GetMetrics", wanted, channel.unary_unary).metricValues[0]
        active = call("IsActive", ref, channel.unary_unary).result
        first = next(call("StreamIsActive", ref, channel.unary_stream)).result
        print(spec.metricName, spec.targetSize, spec.targetSizeFloat, value.metricValue, value.metricValueFloat, active, first)
    except grpc.RpcError as error:
        print(error.code().name, error.details())


{"serve": serve, "ask": ask}[sys.argv[1]](*sys.argv[2:])
