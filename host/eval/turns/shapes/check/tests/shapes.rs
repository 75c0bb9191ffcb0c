use shapes::Shape;

#[test]
fn both() {
    let circle = Shape::Circle { radius: 2.0 };
    let rectangle = Shape::Rectangle { width: 3.0, height: 4.0 };
    assert!((circle.area() - 12.566).abs() < 0.001);
    assert!((circle.perimeter() - 12.566).abs() < 0.001);
    assert_eq!(rectangle.area(), 12.0);
    assert_eq!(rectangle.perimeter(), 14.0);
}
