# Runs the class $1. A process this short gains nothing from the second compiler and from collecting side by side.
exec java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -cp "$CONFORMANCE_DIR/classes:$CONFORMANCE_DIR/lib/*" "$1"
