// The composition root: parses the command word, hands over to a command or to the desktop.
#include "app/paths.h"

#include <QCoreApplication>

int main(int argc, char** argv) {
    QCoreApplication application(argc, argv);
    return app::resolvePaths({}).dataDir.isEmpty() ? 1 : 0;
}
