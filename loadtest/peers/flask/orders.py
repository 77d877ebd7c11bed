"""The order endpoints on Flask with SQLAlchemy: a row lock, a check, an update, a commit."""

import math
import os
from datetime import datetime, timezone

from flask import Flask, Response, jsonify, request
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import BigInteger, Column, DateTime, Float, FetchedValue, Text
from sqlalchemy.exc import NoResultFound, OperationalError, SQLAlchemyError

app = Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["DATABASE_URL"]
app.config["MAX_CONTENT_LENGTH"] = 65536
db = SQLAlchemy(app)


class Order(db.Model):
    __tablename__ = "orders"
    id = Column(BigInteger, primary_key=True)
    origin_lat = Column(Float, nullable=False)
    origin_lng = Column(Float, nullable=False)
    destination_lat = Column(Float, nullable=False)
    destination_lng = Column(Float, nullable=False)
    distance = Column(BigInteger, nullable=False)
    status = Column(Text, nullable=False, server_default=FetchedValue())
    taker = Column(Text)
    released_by = Column(Text)
    claim = Column(BigInteger, nullable=False, server_default=FetchedValue())
    created_at = Column(DateTime(timezone=True), server_default=FetchedValue())
    updated_at = Column(DateTime(timezone=True), server_default=FetchedValue())

    __mapper_args__ = {"eager_defaults": True}


TITLES = {400: "Bad Request", 404: "Not Found", 503: "Service Unavailable"}


def refuse(status, message):
    answer = jsonify(type="about:blank", title=TITLES[status], status=status, detail=message, error=message)
    answer.status_code = status
    answer.mimetype = "application/problem+json"
    return answer


@app.errorhandler(SQLAlchemyError)
def on_database_error(error):
    app.logger.error("%s", error)
    return refuse(503, "The database is away.")


@app.errorhandler(ValueError)
def on_wrong_value(error):
    return refuse(400, str(error))


def point(body, name):
    value = body.get(name)
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError(f"{name} is a pair of latitude and longitude.")
    lat, lng = float(value[0]), float(value[1])
    if not (-90 <= lat <= 90 and -180 <= lng <= 180):
        raise ValueError(f"{name} is out of range.")
    return lat, lng


def haversine(origin, destination):
    lat1, lng1, lat2, lng2 = map(math.radians, (*origin, *destination))
    h = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lng2 - lng1) / 2) ** 2
    return round(2 * 6371008.8 * math.asin(min(1, math.sqrt(h))))


@app.post("/orders")
def place():
    body = request.get_json()
    origin, destination = point(body, "origin"), point(body, "destination")
    order = Order(origin_lat=origin[0], origin_lng=origin[1], destination_lat=destination[0], destination_lng=destination[1],
                  distance=haversine(origin, destination))
    db.session.add(order)
    db.session.flush()
    answer = jsonify(distance=order.distance, id=order.id, status=order.status)
    db.session.commit()
    return answer


@app.patch("/orders/<int:id>")
def take(id):
    body = request.get_json()
    taker = body.get("taker")
    if body.get("status") != "TAKEN" or not isinstance(taker, (str, type(None))):
        raise ValueError("status is TAKEN, taker a text.")
    try:
        order = Order.query.filter_by(id=id).with_for_update(nowait=True).one()
    except NoResultFound:
        return refuse(400, "Order does not exist.")
    except OperationalError:
        db.session.rollback()
        return refuse(400, "Order is currently occupied.")
    if order.status != "UNASSIGNED":
        done = order.status == "TAKEN" and taker is not None and order.taker == taker
        db.session.rollback()
        return jsonify(status="SUCCESS") if done else refuse(400, "Order is already taken.")
    order.status, order.taker, order.released_by, order.claim = "TAKEN", taker, None, order.claim + 1
    order.updated_at = datetime.now(timezone.utc)
    db.session.commit()
    return jsonify(status="SUCCESS")


@app.get("/orders")
def page_through():
    page, limit = int(request.args["page"]), int(request.args["limit"])
    if page < 1 or not 1 <= limit <= 1000:
        raise ValueError("page is 1 or more, limit 1 to 1000.")
    orders = Order.query.order_by(Order.id.desc()).limit(limit).offset((page - 1) * limit)
    return jsonify([{"distance": order.distance, "id": order.id, "status": order.status} for order in orders])


@app.get("/orders/<int:id>")
def read(id):
    order = db.session.get(Order, id)
    if order is None:
        return refuse(404, "Order does not exist.")
    return jsonify(id=order.id, origin=[order.origin_lat, order.origin_lng],
                   destination=[order.destination_lat, order.destination_lng], distance=order.distance, status=order.status,
                   taker=order.taker, created_at=order.created_at.isoformat(), updated_at=order.updated_at.isoformat())


@app.get("/health")
def health():
    return Response("UP", mimetype="text/plain")
